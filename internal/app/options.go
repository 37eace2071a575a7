package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"onsale/internal/endpoint"
	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/server"
)

// Options are the options of `onsale serve` and `onsale up`.
type Options struct {
	// Listen is the address, host:port; port 0 picks a free port.
	Listen string
	// DataDir is the directory of the embedded database.
	DataDir string
	// Wipe lists the names to remove from the data directory at start. They must be names
	// that [Kept] returned.
	Wipe []string
	// DatabaseURL is DATABASE_URL; DatabaseURLSet reports whether it is set, even if empty.
	DatabaseURL    string
	DatabaseURLSet bool
	// DatabaseConnections limits the connections to PostgreSQL. Ten replicas with 8 each
	// stay below the default limit of PostgreSQL, 100.
	DatabaseConnections int
	// Migrate updates the schema to the newest version at start. Without it, the server is
	// not ready while the schema is older.
	Migrate bool

	// Faults replaces the stored fault plan. If it is nil, the stored plan applies, or the
	// default plan if none is stored.
	Faults *fault.Plan
	// Crash ends the process immediately. The crash fault calls it; if it is nil, that fault
	// has no effect.
	Crash func()

	// AdminToken is the bearer token of admin calls. "none" opens admin calls to everybody.
	// If it is empty, they are open on a loopback address only.
	AdminToken string
	// AllowedHosts are the domain names of this server, see [server.Options]. They are
	// checked if no admin token protects it.
	AllowedHosts []string

	// TokenKey signs the tokens of item calls. If it is empty, the server uses the key in
	// the database. It is a secret.
	TokenKey string
	// TokenLife is the lifetime of an items token.
	TokenLife time.Duration
	// MaxUserLabels limits the users with their own series in the items metrics.
	MaxUserLabels int

	// MaxPerPurchase limits the number of tickets in one purchase.
	MaxPerPurchase int
	// QueueLimit and MaxBatch are as in [sale.Options].
	QueueLimit, MaxBatch int
	// MaxConnections limits the number of client connections. A further one replaces an
	// idle connection, or gets 503; see package edge.
	MaxConnections int
	// BooksInterval is the time between two checks that the ledger balances.
	BooksInterval time.Duration
	// DrainDelay is the time that a stopping server keeps serving while /ready already
	// reports 503.
	DrainDelay time.Duration
	// ShutdownTimeout is the time that requests in flight get when the server stops. The
	// other parts have their own limits.
	ShutdownTimeout time.Duration

	// Up adds the parts of `onsale up`. It is nil for `onsale serve`.
	Up *Up

	// Out gets the start-up lines, which people and scripts wait for: the address, the
	// active faults, and that the server is ready.
	Out    io.Writer
	Logger *slog.Logger
}

// Bounds of TokenLife. A token stores its expiry in whole seconds. A lost token must not be
// valid for longer than 30 days.
const (
	minTokenLife = time.Second
	maxTokenLife = 30 * 24 * time.Hour
)

// DefaultOptions returns the defaults of `onsale serve`.
func DefaultOptions() Options {
	return Options{
		Listen:              "127.0.0.1:8000",
		DataDir:             "onsale-data",
		DatabaseConnections: 8,
		Migrate:             true,
		TokenLife:           item.DefaultTokenLife,
		MaxUserLabels:       server.DefaultMaxUserLabels,
		MaxPerPurchase:      sale.DefaultMaxPerPurchase,
		QueueLimit:          8192,
		MaxBatch:            256,
		MaxConnections:      10_000,
		BooksInterval:       time.Minute,
		DrainDelay:          500 * time.Millisecond,
		ShutdownTimeout:     15 * time.Second,
		Out:                 io.Discard,
		Logger:              slog.New(slog.DiscardHandler),
	}
}

// Validate returns an error that names the first invalid option.
func (o Options) Validate() error {
	if err := validServer(o.Listen, o.DataDir, o.AdminToken, o.AllowedHosts); err != nil {
		return err
	}
	for _, number := range []struct {
		flag          string
		value, lo, hi int
	}{
		{"--database-connections", o.DatabaseConnections, 5, 1000},
		{"--max-user-labels", o.MaxUserLabels, 0, server.MaxUserLabels},
		{"--max-per-purchase", o.MaxPerPurchase, 1, 1000},
		{"--queue-limit", o.QueueLimit, 1, 1_000_000},
		{"--max-batch", o.MaxBatch, 1, 4096},
		{"--max-connections", o.MaxConnections, 1, 1_000_000},
	} {
		if number.value < number.lo || number.value > number.hi {
			return fmt.Errorf("%s must be between %d and %d, not %d", number.flag, number.lo, number.hi, number.value)
		}
	}
	if o.TokenKey != "" && len(o.TokenKey) < item.MinKeyLength { // the error must not show the key
		return fmt.Errorf("ONSALE_TOKEN_KEY must have at least %d bytes", item.MinKeyLength)
	}
	if o.TokenLife < minTokenLife || o.TokenLife > maxTokenLife {
		return fmt.Errorf("--token-life must be between %s and %s, not %s", minTokenLife, maxTokenLife, o.TokenLife)
	}
	if o.BooksInterval < time.Second {
		return fmt.Errorf("--books-interval must be at least 1s, not %s", o.BooksInterval)
	}
	if o.ShutdownTimeout <= 0 {
		return fmt.Errorf("--shutdown-timeout must be more than 0s, not %s", o.ShutdownTimeout)
	}
	if o.DrainDelay < 0 || o.DrainDelay >= o.ShutdownTimeout {
		return fmt.Errorf("--drain-delay must be less than --shutdown-timeout, not %s", o.DrainDelay)
	}
	if o.Up != nil {
		return o.Up.validate(o)
	}
	return nil
}

// validServer checks the options that all servers have, and returns an error that names the
// first invalid one.
func validServer(listen, dataDir, token string, allowedHosts []string) error {
	if err := endpoint.CheckListen("--listen", listen); err != nil {
		return err
	}
	if dataDir == "" {
		return errors.New("--data-dir must not be empty")
	}
	return validAccess(token, allowedHosts)
}

// minAdminToken is the minimum length of an admin token in bytes. Clients can try tokens as
// fast as the network allows.
const minAdminToken = 16

// validAccess rejects an admin token that is easy to guess or that does not fit into a
// header; the error does not show the token. It also rejects allowed hosts that are not host
// names.
func validAccess(token string, allowedHosts []string) error {
	const name = "the admin token (ONSALE_ADMIN_TOKEN, --admin-token-file)"
	switch {
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New(name + " must be visible ASCII characters without spaces")
	case token != "" && token != server.OpenToAll && len(token) < minAdminToken:
		return fmt.Errorf("%s must have at least %d bytes, like the output of openssl rand -hex 16; %s opens admin calls to everybody",
			name, minAdminToken, server.OpenToAll)
	}
	if err := server.CheckAllowedHosts(allowedHosts); err != nil {
		return fmt.Errorf("--allowed-hosts %w", err)
	}
	return nil
}
