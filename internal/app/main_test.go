package app_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"

	"go.uber.org/goleak"

	"onsale/internal/app"
	"onsale/internal/pgtest"
)

// database is the PostgreSQL server that the tests share.
var database pgtest.Shared

// asChild is the variable that turns the test binary into the monitoring process with these settings.
const asChild = "ONSALE_TEST_CHILD_SETTINGS"

func TestMain(m *testing.M) {
	if settings := os.Getenv(asChild); settings != "" {
		os.Exit(beChild(settings))
	}
	goleak.VerifyTestMain(database.Main(m))
}

func beChild(settings string) int {
	log := slog.New(slog.DiscardHandler)
	if err := app.MonitorChild(context.Background(), settings, "", os.Stdin, os.Stdout, log); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// monitored returns the defaults of `onsale up`, with the test binary as the monitoring process.
func monitored() app.Up {
	up := app.DefaultUp()
	up.Child = func(settings string) *exec.Cmd {
		return &exec.Cmd{Path: os.Args[0], Args: os.Args[:1], Env: append(os.Environ(), asChild+"="+settings), Stderr: os.Stderr}
	}
	return up
}
