package calls_test

import (
	"testing"

	"go.uber.org/goleak"

	"onsale/internal/pgtest"
)

// server is the PostgreSQL server shared by the tests that do not stop it.
var server pgtest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(server.Main(m)) }
