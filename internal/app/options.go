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

// Options say what to serve, where, and from which database.
type Options struct {
	// Listen is the address, host:port; port 0 takes a free one.
	Listen string
	// DataDir is the directory of the embedded database.
	DataDir string
	// Wipe names what is removed from the data directory first, of what [Kept]
	// names.
	Wipe []string
	// DatabaseURL is DATABASE_URL; DatabaseURLSet tells an empty one from none.
	DatabaseURL    string
	DatabaseURLSet bool
	// DatabaseConnections limits the connections to PostgreSQL. Ten replicas of
	// 8 each fit into its default of 100.
	DatabaseConnections int
	// Migrate brings the schema to the newest version at start. Without it an
	// older schema keeps the server from getting ready.
	Migrate bool

	// Faults replaces the stored plan; nil leaves that in force, or the default
	// plan where none is stored.
	Faults *fault.Plan
	// Crash ends the process at once, for the fault of that name. Without it that
	// fault does nothing.
	Crash func()

	// AdminToken opens admin calls to who knows it, "none" to everybody. Empty
	// opens them on a loopback address alone.
	AdminToken string
	// AllowedHosts are this server's names, see [server.Options]. They matter where no
	// admin token protects it.
	AllowedHosts []string

	// TokenKey signs the tokens of item calls; empty takes the key that is kept
	// in the database. It is a secret.
	TokenKey string
	// TokenLife is how long such a token is valid.
	TokenLife time.Duration
	// MaxUserLabels is how many users of items have a series of their own.
	MaxUserLabels int

	// MaxPerPurchase is how many tickets one purchase may take.
	MaxPerPurchase int
	// QueueLimit and MaxBatch are those of [sale.Options].
	QueueLimit, MaxBatch int
	// MaxConnections is how many clients may be connected at once. More take the
	// places of connections that are not used, or get 503; see package edge.
	MaxConnections int
	// BooksInterval is the time between two comparisons of the books.
	BooksInterval time.Duration
	// DrainDelay is how long a stopping server goes on serving while /ready says
	// that it is not ready.
	DrainDelay time.Duration
	// ShutdownTimeout bounds the wait for requests in flight when the server stops.
	// The other parts have bounds of their own.
	ShutdownTimeout time.Duration

	// Up says what runs beside the API; nil for nothing, which is
	// `onsale serve`.
	Up *Up

	// Out gets the lines that people and scripts wait for: where the server
	// listens, when it is ready, which faults are on.
	Out    io.Writer
	Logger *slog.Logger
}

// A token's life is told in whole seconds, and ends within a month, so that one
// that got lost is of no use for ever.
const (
	minTokenLife = time.Second
	maxTokenLife = 30 * 24 * time.Hour
)

// DefaultOptions are those of `onsale serve` without a flag.
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

// Validate returns an error that names the first option that makes no sense.
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
	if o.TokenKey != "" && len(o.TokenKey) < item.MinKeyLength { // and is not shown
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

// validServer checks the options that every server has, and returns an error that names
// the first one that makes no sense.
func validServer(listen, dataDir, token string, allowedHosts []string) error {
	if err := endpoint.CheckListen("--listen", listen); err != nil {
		return err
	}
	if dataDir == "" {
		return errors.New("--data-dir must not be empty")
	}
	return validAccess(token, allowedHosts)
}

// minAdminToken is how many bytes an admin token must have. Anyone may try tokens as
// fast as the network allows.
const minAdminToken = 16

// validAccess refuses an admin token that could be guessed or that no header could
// carry, and does not show it. It also refuses allowed hosts that are no host names.
func validAccess(token string, allowedHosts []string) error {
	const name = "the admin token (ONSALE_ADMIN_TOKEN, --admin-token-file)"
	switch {
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New(name + " must be visible ASCII characters without spaces")
	case token != "" && token != server.OpenToAll && len(token) < minAdminToken:
		return fmt.Errorf("%s must have at least %d bytes, such as openssl rand -hex 16 prints; %s opens admin calls to everybody",
			name, minAdminToken, server.OpenToAll)
	}
	if err := server.CheckAllowedHosts(allowedHosts); err != nil {
		return fmt.Errorf("--allowed-hosts %w", err)
	}
	return nil
}
