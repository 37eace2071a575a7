package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// childSettings names the environment variable that holds the settings of a child.
const childSettings = "ONSALE_CHILD_SETTINGS"

// monitorChild returns a function that makes the command of the monitoring process.
func monitorChild(e *command.Env) func(settings string) *exec.Cmd {
	return func(settings string) *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			self = os.Args[0] // starting it reports what is wrong
		}
		return &exec.Cmd{
			Path:   self,
			Args:   []string{self, "--log-level", e.LogLevel.String(), "--log-format", e.LogFormat, "monitor-child"},
			Env:    append(slices.DeleteFunc(os.Environ(), isSaleSecret), childSettings+"="+settings),
			Stderr: e.Stderr,
		}
	}
}

// isSaleSecret reports whether an environment variable holds a secret of ticket sales. The
// monitoring process must not have one: anyone can send queries to it.
func isSaleSecret(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{"DATABASE_URL", "PGPASSWORD", "ONSALE_ADMIN_TOKEN", "ONSALE_TOKEN_KEY"}, name)
}

// monitorChildCmd is the monitoring process that `onsale up` starts.
type monitorChildCmd struct{}

// Run monitors until the parent ends. It ignores signals: a terminal or a service manager
// sends them to both processes, and the parent decides when this one stops.
func (monitorChildCmd) Run(ctx context.Context, e *command.Env) error {
	settings, ok := e.Lookup(childSettings)
	if !ok {
		return &command.UsageError{Err: errors.New("only onsale up can run this command; use onsale monitor")}
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	discord, err := e.Secret("DISCORD_URL")
	if err != nil {
		return &command.UsageError{Err: err}
	}
	return app.MonitorChild(context.WithoutCancel(ctx), settings, app.Secret(discord), os.Stdin, os.Stdout, e.Log)
}
