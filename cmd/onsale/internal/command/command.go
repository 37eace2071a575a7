// Package command holds what the commands of onsale share: their environment, exit codes,
// prompts and error messages, and how they read secrets.
package command

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"onsale/internal/endpoint"
)

// The exit codes. Scripts rely on them.
const (
	ExitOK      = 0
	ExitFailure = 1
	ExitUsage   = 2
	// ExitBottleneck is the code of a load test in which the load tester was the bottleneck.
	ExitBottleneck = 3
	// ExitCrash is the code of a process that the fault plan ended.
	ExitCrash = 70
)

// Env is the environment of a command: variables, streams and the log.
type Env struct {
	// Lookup looks up an environment variable.
	Lookup         func(name string) (value string, set bool)
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Log            *slog.Logger
	// LogTo returns a logger like Log that writes to another writer.
	LogTo func(io.Writer) *slog.Logger
	// LogLevel and LogFormat are the settings of Log.
	LogLevel  slog.Level
	LogFormat string
	// Resolver looks up host names; nil is the system's.
	Resolver *net.Resolver
}

// UsageError is an error in how a command was called, such as a wrong flag. The exit code
// is [ExitUsage].
type UsageError struct{ Err error }

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the underlying error.
func (e *UsageError) Unwrap() error { return e.Err }

// Checked makes an error a [UsageError]; nil stays nil.
func Checked(err error) error {
	if err == nil {
		return nil
	}
	return &UsageError{err}
}

// ExitError is an exit code. No error message is written for it.
type ExitError int

// Error implements error.
func (e ExitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Fail writes an error as one line and returns the code. It hides the passwords of URLs,
// because people type URLs where a file, a host name or a number is expected, and any error
// can quote them.
func Fail(stderr io.Writer, code int, err error) int {
	fmt.Fprintf(stderr, "onsale: %s\n", strings.ReplaceAll(endpoint.Clean(err.Error()), "\n", "; "))
	return code
}
