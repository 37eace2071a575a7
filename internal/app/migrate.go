package app

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/store"
)

// Migrate updates the schema of the database to the newest version.
func Migrate(ctx context.Context, o Options) error {
	s, err := store.Open(ctx, store.Options{
		URL: o.DatabaseURL, URLSet: o.DatabaseURLSet, DataDir: o.DataDir, MaxConns: o.DatabaseConnections,
		Logger: o.Logger, Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	return errors.Join(s.Migrate(ctx), s.Close())
}
