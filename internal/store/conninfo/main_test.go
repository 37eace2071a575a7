package conninfo_test

import (
	"testing"

	"go.uber.org/goleak"

	"onsale/internal/pgtest"
)

// server is the PostgreSQL of the tests.
var server pgtest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(server.Main(m)) }
