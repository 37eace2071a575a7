// Package store opens the database engine that keeps the sale, and measures the
// calls to it.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/store/conninfo"
	"onsale/internal/store/postgres"
	"onsale/internal/store/sqlite"
)

// Engine is what every database engine offers.
type Engine interface {
	sale.Ledger
	sale.Auditor
	fault.Store
	item.Store
	// Migrate migrates the schema to the newest version. Any number of processes can
	// call it at once.
	Migrate(ctx context.Context) error
	// CheckSchema returns an error with a remedy if the schema's version is not the
	// one that this program was built for.
	CheckSchema(ctx context.Context) error
	// Stats returns the number of connections by state.
	Stats() sale.PoolStats
	Close() error
}

// Options of [Open].
type Options struct {
	// URL is the value of DATABASE_URL.
	URL string
	// URLSet is whether DATABASE_URL is set, even to an empty value. If it is not, Open
	// uses the embedded SQLite.
	URLSet bool
	// DataDir is the directory of the embedded database.
	DataDir string
	// MaxConns limits the connections to PostgreSQL; 0 means
	// [postgres.DefaultMaxConns].
	MaxConns int
	// Gate is called at the start of each transaction and each read of the sale,
	// and of each write of an item. It can delay the call or return an error. Nil
	// lets every call through.
	Gate       func(context.Context) error
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Open opens the database that the options name. It does not wait for an
// unreachable server and does not change the schema. An error about the URL names
// DATABASE_URL and the rule that it breaks, and shows no part of its value.
func Open(ctx context.Context, o Options) (*Store, error) {
	engine, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	return instrument(engine, o.Registerer), nil
}

func open(ctx context.Context, o Options) (Engine, error) {
	if !o.URLSet {
		return sqlite.Open(ctx, filepath.Join(o.DataDir, "onsale.db"), sqlite.Options{Gate: o.Gate, Logger: o.Logger})
	}
	engine, err := postgres.Open(ctx, o.URL, postgres.Options{MaxConns: o.MaxConns, Gate: o.Gate, Logger: o.Logger})
	switch {
	case errors.Is(err, conninfo.ErrEmpty):
		return nil, errors.New("DATABASE_URL is set but empty: unset it to use the embedded SQLite")
	case errors.Is(err, conninfo.ErrScheme):
		return nil, fmt.Errorf("DATABASE_URL: %w; unset it to use the embedded SQLite", err)
	case err != nil:
		return nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	return engine, nil
}
