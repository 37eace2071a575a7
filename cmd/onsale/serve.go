package main

import (
	"context"
	"os"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// serveCmd is `onsale serve`: the API alone, which is stateless with PostgreSQL.
type serveCmd struct{ apiFlags }

// apiFlags are the flags of the API, which `serve` and `up` share.
type apiFlags struct {
	Listen  string `help:"Address to listen on, host:port; port 0 picks a free port." default:"127.0.0.1:8000"`
	DataDir string `help:"Directory for the embedded database, metrics, silences and the inbox." default:"onsale-data" type:"path"`
	Faults  string `help:"Faults to inject: off, default, or a file with a fault plan. By default, the plan stored in the database applies." placeholder:"off|default|FILE"`
	Migrate bool   `help:"Update the database schema to the newest version at start." default:"true" negatable:""`

	AdminTokenFile string   `help:"File with the admin token, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE"`
	AllowedHosts   []string `help:"Domain names of this server. Without an admin token, requests for any other name are rejected." placeholder:"NAME"`

	TokenLife     time.Duration `help:"Lifetime of an items token, 1s to 720h." default:"1h"`
	MaxUserLabels int           `help:"Maximum number of users with their own series in the items metrics; the others share one." default:"200"`

	MaxPerPurchase      int           `help:"Maximum number of tickets in one purchase." default:"10"`
	MaxBatch            int           `help:"Maximum number of orders in one transaction." default:"256"`
	QueueLimit          int           `help:"Maximum number of waiting orders; further ones are rejected." default:"8192"`
	MaxConnections      int           `help:"Maximum number of client connections." default:"10000"`
	DatabaseConnections int           `help:"Maximum number of connections to PostgreSQL." default:"8"`
	BooksInterval       time.Duration `help:"Time between two checks that the ledger balances; 1m by default, 5s at demo pace." placeholder:"DURATION"`
	DrainDelay          time.Duration `help:"Time to keep serving after a stop signal, while /ready already reports 503." default:"500ms"`
	ShutdownTimeout     time.Duration `help:"Time that requests in flight get when the server stops." default:"15s"`
}

// Help is shown under `onsale serve --help`.
func (serveCmd) Help() string {
	return `DATABASE_URL chooses the database. For PostgreSQL it is
postgres://USER:PASSWORD@HOST:5432/NAME, and can have several hosts. If it is not
set, the database is an SQLite file in the data directory. A PostgreSQL server
at a public address must offer TLS, unless the URL has sslmode=disable, allow or
prefer.

ONSALE_ADMIN_TOKEN is the admin token, 16 bytes or more: admin calls need it as a
bearer token. The value "none" opens admin calls to everybody. Without a token,
they are open on a loopback address only.

ONSALE_TOKEN_KEY signs the tokens of item calls. It is any text of 16 bytes or
more, and must be the same on all replicas. If it is not set, the server creates
a key and stores it in the database.`
}

// Run serves until the context ends.
func (c *serveCmd) Run(ctx context.Context, e *command.Env) error {
	o, err := c.options(e)
	if err != nil {
		return &command.UsageError{Err: err}
	}
	if err := o.Validate(); err != nil {
		return &command.UsageError{Err: err}
	}
	return start(ctx, o)
}

// start serves until the context ends, which can be before it has begun.
func start(ctx context.Context, o app.Options) error {
	a, err := app.New(ctx, o)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // the user stopped the program while it was starting
	case err != nil:
		return err
	}
	return a.Run(ctx)
}

// options returns the options from the flags and the environment.
func (c *apiFlags) options(e *command.Env) (app.Options, error) {
	o := app.DefaultOptions()
	o.Listen, o.DataDir, o.Migrate = c.Listen, c.DataDir, c.Migrate
	o.MaxPerPurchase, o.MaxBatch, o.QueueLimit = c.MaxPerPurchase, c.MaxBatch, c.QueueLimit
	o.MaxConnections, o.DatabaseConnections = c.MaxConnections, c.DatabaseConnections
	o.DrainDelay, o.ShutdownTimeout = c.DrainDelay, c.ShutdownTimeout
	if c.BooksInterval != 0 {
		o.BooksInterval = c.BooksInterval
	}
	o.TokenLife, o.MaxUserLabels = c.TokenLife, c.MaxUserLabels
	o.Out, o.Logger = e.Stderr, e.Log
	o.DatabaseURL, o.DatabaseURLSet = e.Lookup("DATABASE_URL")
	o.Crash = func() { os.Exit(command.ExitCrash) }
	var err error
	if o.TokenKey, err = e.Secret("ONSALE_TOKEN_KEY"); err != nil {
		return o, err
	}
	if o.Faults, err = readFaults(c.Faults, e.Log); err != nil {
		return o, err
	}
	o.AllowedHosts = c.AllowedHosts
	o.AdminToken, err = e.AdminToken(c.AdminTokenFile)
	return o, err
}
