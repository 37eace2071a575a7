// Package store picks the database engine that a sale is kept in, and measures
// the calls to it.
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
	// Migrate brings the schema to the newest version. Any number of processes
	// may call it at once.
	Migrate(ctx context.Context) error
	// CheckSchema returns an error that says what to do if the schema is not
	// the one that this program knows.
	CheckSchema(ctx context.Context) error
	// Stats counts the connections.
	Stats() sale.PoolStats
	Close() error
}

// Options of [Open].
type Options struct {
	// URL is DATABASE_URL, and URLSet whether the environment has it at all.
	// Where it is not set, the embedded SQLite serves.
	URL    string
	URLSet bool
	// DataDir is the directory of the embedded database.
	DataDir string
	// MaxConns limits the connections to PostgreSQL; 0 stands for its default.
	MaxConns int
	// Gate is called at the start of each transaction and each read of the
	// sale, and of each write of an item; it may wait or refuse. Nil for none.
	Gate       func(context.Context) error
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Open opens the database that the options name. It neither waits for a server
// that is away nor changes the schema. An error names DATABASE_URL and the
// rule that it breaks, and shows no part of it.
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
