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
	"syscall"

	"github.com/alecthomas/kong"

	"onsale/cmd/onsale/internal/automatecmd"
	"onsale/cmd/onsale/internal/command"
	"onsale/cmd/onsale/internal/exportcmd"
	"onsale/cmd/onsale/internal/healthcmd"
	"onsale/cmd/onsale/internal/smokecmd"
	"onsale/cmd/onsale/internal/stresscmd"
)

// cli is the command line: flags that all subcommands share, and the subcommands.
type cli struct {
	LogLevel  slog.Level `help:"How much to log: debug, info, warn or error." default:"info"`
	LogFormat string     `help:"How to log: text or json." enum:"text,json" default:"text"`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version, and exit." short:"V" env:"-"`

	Up       upCmd               `cmd:"" help:"Run everything: API, monitoring, demo concerts and a demo crowd."`
	Serve    serveCmd            `cmd:"" help:"Serve the ticket-sales API."`
	Monitor  monitorCmd          `cmd:"" help:"Watch servers elsewhere."`
	Receiver receiverCmd         `cmd:"" help:"Deliver to Discord what an Alertmanager or a Grafana of your own posts."`
	Stress   stresscmd.Command   `cmd:"" help:"Load-test the ticket office, or any HTTP API."`
	Automate automatecmd.Command `cmd:"" help:"Create and delete items, at a polite rate."`
	Export   exportcmd.Command   `cmd:"" help:"Write rules, dashboards and routes for a Prometheus, Grafana and Alertmanager of your own."`
	Migrate  migrateCmd          `cmd:"" help:"Bring the database schema to the newest version, and exit."`
	Health   healthcmd.Command   `cmd:"" help:"Ask a server whether it lives or is ready, and exit with 0 or 1."`
	Smoke    smokecmd.Command    `cmd:"" help:"Buy a ticket of a server, read it back and refund it, and exit with 0 or 1."`
	Version  versionCmd          `cmd:"" help:"Print the version, and exit."`

	MonitorChild monitorChildCmd `cmd:"" hidden:"" help:"The monitoring of onsale up, which starts it."`
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
		kong.Vars{"version": command.Version()},
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
		return command.Fail(stderr, command.ExitFailure, err)
	}
	parsed, err := parser.Parse(asHelp(args))
	switch {
	case helped:
		return command.ExitOK
	case err != nil:
		return command.Fail(stderr, command.ExitUsage, errors.New(explain(err)))
	}
	err = parsed.Run(&command.Env{
		Lookup: lookup, Stdin: stdin, Stdout: stdout, Stderr: stderr,
		Log: c.logger(stderr), LogTo: c.logger, LogLevel: c.LogLevel, LogFormat: c.LogFormat,
	})
	var usage *command.UsageError
	var exit command.ExitError
	switch {
	case errors.As(err, &exit):
		return int(exit)
	case errors.As(err, &usage):
		return command.Fail(stderr, command.ExitUsage, err)
	case err != nil:
		return command.Fail(stderr, command.ExitFailure, err)
	}
	return command.ExitOK
}

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
func (versionCmd) Run(e *command.Env) error {
	_, err := fmt.Fprintln(e.Stdout, command.Version())
	return err
}
