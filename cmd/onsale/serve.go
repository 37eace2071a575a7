package main

import (
	"context"
	"os"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// serveCmd is `onsale serve`: the API alone, stateless over PostgreSQL.
type serveCmd struct{ apiFlags }

// apiFlags are the flags of the API, which `serve` and `up` share.
type apiFlags struct {
	Listen  string `help:"Address to serve on, host:port; port 0 takes a free one." default:"127.0.0.1:8000"`
	DataDir string `help:"Directory of what is kept: the embedded database, metrics, silences, the inbox." default:"onsale-data" type:"path"`
	Faults  string `help:"What goes wrong on purpose: off, default, or a file with a plan. Not given, the plan stored in the database holds." placeholder:"off|default|FILE"`
	Migrate bool   `help:"Bring the database schema to the newest version at start." default:"true" negatable:""`

	AdminTokenFile string   `help:"File with the token that opens admin calls, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE"`
	AllowedHosts   []string `help:"Domain names of this server: without an admin token, requests that name another host are refused." placeholder:"NAME"`

	TokenLife     time.Duration `help:"How long a token of the item calls is valid, up to 720h." default:"1h"`
	MaxUserLabels int           `help:"Users of items that have a series of their own in the metrics; the others share one." default:"200"`

	MaxPerPurchase      int           `help:"Tickets that one purchase may take." default:"10"`
	MaxBatch            int           `help:"Orders written in one transaction at most." default:"256"`
	QueueLimit          int           `help:"Orders that may wait before further ones are turned away." default:"8192"`
	MaxConnections      int           `help:"Clients that may be connected at once." default:"10000"`
	DatabaseConnections int           `help:"Connections to PostgreSQL." default:"8"`
	BooksInterval       time.Duration `help:"Time between two comparisons of the books; 1m by default, 5s at demo pace." placeholder:"DURATION"`
	DrainDelay          time.Duration `help:"How long to go on serving when stopping, while /ready says not ready." default:"500ms"`
	ShutdownTimeout     time.Duration `help:"How long to wait for requests in flight when stopping." default:"15s"`
}

// Help is shown under `onsale serve --help`.
func (serveCmd) Help() string {
	return `DATABASE_URL chooses the database: not set, an SQLite file in the data
directory; postgres://USER:PASSWORD@HOST:5432/NAME, PostgreSQL, also with
several hosts. A public address must offer TLS unless the URL allows to do
without (sslmode=disable, allow or prefer). ONSALE_ADMIN_TOKEN, 16 bytes or
more, opens admin calls to anyone who sends it as a bearer token; "none" opens
them to everybody. ONSALE_TOKEN_KEY signs the tokens of item calls: any text of
16 bytes or more, the same for all replicas. Not set, a key is made once and
kept in the database.`
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

// start serves until the context ends, be it before it has begun.
func start(ctx context.Context, o app.Options) error {
	a, err := app.New(ctx, o)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // the end was asked for, and is what broke the start
	case err != nil:
		return err
	}
	return a.Run(ctx)
}

// options returns what the flags and the environment say.
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
