// Command onsale is a ticket-sales API with its own monitoring and load tester: a ticket
// office built to be stormed.
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

// cli is the command line: the subcommands, and the flags that they share.
type cli struct {
	LogLevel  slog.Level `help:"Lowest level that is logged: debug, info, warn or error." default:"info"`
	LogFormat string     `help:"Format of the log: text or json." enum:"text,json" default:"text"`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version and exit." short:"V" env:"-"`

	Up       upCmd               `cmd:"" help:"Run everything: API, monitoring, demo concerts and demo users."`
	Serve    serveCmd            `cmd:"" help:"Serve the ticket-sales API."`
	Monitor  monitorCmd          `cmd:"" help:"Monitor any service, even one that isn't Onsale."`
	Receiver receiverCmd         `cmd:"" help:"Deliver notifications of your own Alertmanager or Grafana to Discord."`
	Stress   stresscmd.Command   `cmd:"" help:"Load-test the ticket office, or any HTTP API."`
	Automate automatecmd.Command `cmd:"" help:"Create and delete items at a low rate."`
	Export   exportcmd.Command   `cmd:"" help:"Write rules, dashboards and configuration for your own Prometheus, Grafana and Alertmanager."`
	Migrate  migrateCmd          `cmd:"" help:"Update the database schema to the newest version and exit."`
	Health   healthcmd.Command   `cmd:"" help:"Check the health of a server and exit with 0 or 1."`
	Smoke    smokecmd.Command    `cmd:"" help:"Buy a ticket, read the purchase back, refund it, and exit with 0 or 1."`
	Version  versionCmd          `cmd:"" help:"Print the version and exit."`

	MonitorChild monitorChildCmd `cmd:"" hidden:"" help:"The monitoring process that onsale up starts."`
}

func main() {
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		ends = append(ends, syscall.SIGHUP) // a closed terminal, or an attempt to reload
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	signal.Ignore(syscall.SIGPIPE) // a closed pipe is an error of the write; it must not end the process
	context.AfterFunc(ctx, stop)   // a second signal ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.LookupEnv, os.Stdin, os.Stdout, os.Stderr))
}

// newParser returns the parser of the command line.
func newParser(c *cli, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(c, append([]kong.Option{
		kong.Name("onsale"),
		kong.Description("A ticket-sales API that never sells a seat twice, with its own monitoring and load tester: a ticket office built to be stormed."),
		kong.DefaultEnvars("ONSALE"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"version": command.Version()},
	}, options...)...)
}

// run parses the arguments, runs the subcommand that they name, and returns the exit code.
// It writes an error as one line to stderr.
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
