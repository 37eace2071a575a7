package postgres_test

import (
	"testing"

	"go.uber.org/goleak"

	"onsale/internal/pgtest"
)

// server is the PostgreSQL server that the tests of this package share.
var server pgtest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(server.Main(m)) }
