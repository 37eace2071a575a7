package postgres_test

import (
	"testing"

	"go.uber.org/goleak"

	"onsale/internal/pgtest"
)

// server is the one PostgreSQL of this package's tests.
var server pgtest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(server.Main(m)) }
