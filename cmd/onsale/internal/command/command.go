// Package command holds what the commands of onsale share: the world outside that they
// may use, their exit codes, and how they ask, report errors and read secrets.
package command

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"onsale/internal/endpoint"
)

// The exit codes that scripts may rely on.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
	// ExitBottleneck is that of a load test in which the tester itself could not keep up.
	ExitBottleneck = 3
	// ExitCrash is that of a process that the fault plan ended.
	ExitCrash = 70
)

// Env is the world outside of a command.
type Env struct {
	// Lookup looks up an environment variable.
	Lookup         func(name string) (value string, set bool)
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Log            *slog.Logger
	// LogTo returns a logger like Log that writes elsewhere.
	LogTo func(io.Writer) *slog.Logger
	// LogLevel and LogFormat are the flags that the logger was made of.
	LogLevel  slog.Level
	LogFormat string
	// Resolver looks up hosts that are names; nil is the system's.
	Resolver *net.Resolver
}

// UsageError is an error in how a command was called, as opposed to one of what the
// command met. The exit code is [ExitUsage].
type UsageError struct{ Err error }

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error as the command met it.
func (e *UsageError) Unwrap() error { return e.Err }

// Checked makes an error a [UsageError]; nil stays nil.
func Checked(err error) error {
	if err == nil {
		return nil
	}
	return &UsageError{err}
}

// ExitError is an exit code for which nothing more is written.
type ExitError int

// Error implements error.
func (e ExitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Fail writes an error as one line, without the passwords of URLs in it, and returns the
// code. Somebody may give a URL where a file, a host name or a number is expected, and any
// error may quote that.
func Fail(stderr io.Writer, code int, err error) int {
	fmt.Fprintf(stderr, "onsale: %s\n", strings.ReplaceAll(endpoint.Clean(err.Error()), "\n", "; "))
	return code
}
