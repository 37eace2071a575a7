package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/pressly/goose/v3"

	"onsale/internal/store/sqlite"
	"onsale/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(tb testing.TB) storetest.Database {
		tb.Helper()
		path := filepath.Join(tb.TempDir(), "onsale.db")
		return storetest.Database{
			Open: func(tb testing.TB, gate storetest.Gate) storetest.Store {
				tb.Helper()
				store, err := sqlite.Open(tb.Context(), path, sqlite.Options{Gate: gate})
				if err != nil {
					tb.Fatal(err)
				}
				return store
			},
			Raw:         raw(tb, path),
			Migrations:  sqlite.Migrations,
			Dialect:     goose.DialectSQLite3,
			Catalog:     `SELECT name || ': ' || sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1`,
			NewerSchema: `INSERT INTO schema_migrations (version_id, is_applied) VALUES (999999, 1)`,
		}
	})
}
