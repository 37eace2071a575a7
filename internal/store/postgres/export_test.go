package postgres

import (
	"context"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"
)

// Migrations are the embedded migrations.
var Migrations fs.FS = migrations

// OpenWith is Open with connections that a test has changed.
func OpenWith(ctx context.Context, url string, o Options, change func(*pgconn.Config)) (*Store, error) {
	config, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	change(&config.ConnConfig.Config)
	return openStore(ctx, config, o)
}
