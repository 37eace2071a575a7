package calls_test

import (
	"testing"

	"go.uber.org/goleak"

	"onsale/internal/pgtest"
)

// server is the one PostgreSQL of the tests that leave it running.
var server pgtest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(server.Main(m)) }
