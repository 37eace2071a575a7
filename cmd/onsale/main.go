// Command onsale is a ticket office built to be stormed, and to show itself
// being stormed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"onsale/internal/app"
)

// The exit codes that scripts may rely on.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
	// exitCrash is that of a process that the fault plan ended.
	exitCrash = 70
)

// cli is the command line: flags that all subcommands share, and the subcommands.
type cli struct {
	LogLevel  slog.Level `help:"How much to log: debug, info, warn or error." default:"info"`
	LogFormat string     `help:"How to log: text or json." enum:"text,json" default:"text"`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version, and exit." short:"V" env:"-"`

	Up       upCmd       `cmd:"" help:"Run everything: API, monitoring, demo concerts and a demo crowd."`
	Serve    serveCmd    `cmd:"" help:"Serve the ticket-sales API."`
	Monitor  monitorCmd  `cmd:"" help:"Watch servers elsewhere."`
	Receiver receiverCmd `cmd:"" help:"Deliver to Discord what an Alertmanager or a Grafana of your own posts."`
	Stress   stressCmd   `cmd:"" help:"Load-test the ticket office, or any HTTP API."`
	Automate automateCmd `cmd:"" help:"Create and delete items, at a polite rate."`
	Export   exportCmd   `cmd:"" help:"Write rules, dashboards and routes for a Prometheus, Grafana and Alertmanager of your own."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database schema to the newest version, and exit."`
	Health   healthCmd   `cmd:"" help:"Ask a server whether it lives or is ready, and exit with 0 or 1."`
	Smoke    smokeCmd    `cmd:"" help:"Buy a ticket of a server, read it back and refund it, and exit with 0 or 1."`
	Version  versionCmd  `cmd:"" help:"Print the version, and exit."`

	MonitorChild monitorChildCmd `cmd:"" hidden:"" help:"The monitoring of onsale up, which starts it."`
}

// env is what the subcommands know of the world outside.
type env struct {
	lookup         func(string) (string, bool)
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger
	// logTo returns a logger like log that writes elsewhere.
	logTo func(io.Writer) *slog.Logger
	// logLevel and logFormat are the flags that the logger was made of.
	logLevel  slog.Level
	logFormat string
}

func main() {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		ends = append(ends, syscall.SIGHUP) // a terminal that closes, or a try to reload
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	signal.Ignore(syscall.SIGPIPE) // who reads the output no more is an error of the write, and no end
	context.AfterFunc(ctx, stop)   // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}

// newParser returns the parser of the command line.
func newParser(c *cli, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("onsale"),
		kong.Description("A ticket office built to be stormed, and to show itself being stormed."),
		kong.DefaultEnvars("ONSALE"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"version": app.Version()},
	}, options...)...)
}

// run parses the arguments, runs the subcommand that they name, and returns
// the exit code. Whatever goes wrong is one line on stderr.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer) int {
	var c cli
	helped := false
	parser, err := newParser(&c,
		kong.Writers(stdout, stderr),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Exit(func(int) { helped = true }))
	if err != nil {
		return fail(stderr, exitFailure, err)
	}
	parsed, err := parser.Parse(asHelp(args))
	switch {
	case helped:
		return exitOK
	case err != nil:
		return fail(stderr, exitUsage, errors.New(explain(err)))
	}
	err = parsed.Run(&env{lookup, stdin, stdout, stderr, c.logger(stderr), c.logger, c.LogLevel, c.LogFormat})
	var usage *usageError
	var exit exitError
	switch {
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		return fail(stderr, exitUsage, err)
	case err != nil:
		return fail(stderr, exitFailure, err)
	}
	return exitOK
}

// fail writes an error without the passwords of URLs in it. Somebody may give a URL
// where a file, a host name or a number is expected, and any error may quote that.
func fail(stderr io.Writer, code int, err error) int {
	fmt.Fprintf(stderr, "onsale: %s\n", strings.ReplaceAll(app.Clean(err.Error()), "\n", "; "))
	return code
}

// usageError is an error of who typed the command, as opposed to one of what
// the command met.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func (c *cli) logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// versionCmd is `onsale version`.
type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(e *env) error {
	_, err := fmt.Fprintln(e.stdout, app.Version())
	return err
}
