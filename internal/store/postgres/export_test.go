package postgres

import (
	"context"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Migrations are the embedded migrations.
var Migrations fs.FS = migrations

// OpenWith is Open with a connection configuration that the test changes.
func OpenWith(ctx context.Context, url string, o Options, change func(*pgconn.Config)) (*Store, error) {
	config, err := parseURL(url, nil)
	if err != nil {
		return nil, err
	}
	change(&config.ConnConfig.Config)
	return openStore(ctx, config, o)
}

// SetMigrations replaces the embedded migrations, and sets the time between two log
// lines about a running one.
func (s *Store) SetMigrations(files fs.FS, progress time.Duration) {
	s.files, s.progressInterval = files, progress
}

// Doubt makes the next trial write purchases and roll them back, as after a failure of
// the storage.
func (s *Store) Doubt() { s.trials.doubt.Store(trialRows) }
