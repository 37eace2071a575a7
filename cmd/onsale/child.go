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

// monitorChild returns what makes the command of the monitoring's process.
func monitorChild(e *command.Env) func(settings string) *exec.Cmd {
	return func(settings string) *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			self = os.Args[0] // starting it says what is wrong
		}
		return &exec.Cmd{
			Path:   self,
			Args:   []string{self, "--log-level", e.LogLevel.String(), "--log-format", e.LogFormat, "monitor-child"},
			Env:    append(slices.DeleteFunc(os.Environ(), isOfTheSale), childSettings+"="+settings),
			Stderr: e.Stderr,
		}
	}
}

// isOfTheSale reports whether an environment variable holds a secret of the sale, which
// the monitoring does not need. Strangers send queries to its process.
func isOfTheSale(variable string) bool {
	name, _, _ := strings.Cut(variable, "=")
	return slices.Contains([]string{"DATABASE_URL", "PGPASSWORD", "ONSALE_ADMIN_TOKEN", "ONSALE_TOKEN_KEY"}, name)
}

// monitorChildCmd is the process of the monitoring, which `onsale up` starts.
type monitorChildCmd struct{}

// Run monitors until the parent ends. It ignores signals: those of a terminal or a
// service manager reach both processes, and the parent decides when this one stops.
func (monitorChildCmd) Run(ctx context.Context, e *command.Env) error {
	settings, ok := e.Lookup(childSettings)
	if !ok {
		return &command.UsageError{Err: errors.New("this command is for onsale up alone, which starts it; use onsale monitor")}
	}
	signal.Ignore(os.Interrupt, syscall.SIGTERM)
	discord, err := e.Secret("DISCORD_URL")
	if err != nil {
		return &command.UsageError{Err: err}
	}
	return app.MonitorChild(context.WithoutCancel(ctx), settings, app.Secret(discord), os.Stdin, os.Stdout, e.Log)
}
