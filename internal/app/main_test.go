package app_test

import (
	"testing"

	"go.uber.org/goleak"

	"onsale/internal/pgtest"
)

// database is the one PostgreSQL of the tests.
var database pgtest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(database.Main(m)) }
