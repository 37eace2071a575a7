package postgres_test

import (
	"testing"

	"github.com/pressly/goose/v3"

	"onsale/internal/pgtest"
	"onsale/internal/store/postgres"
	"onsale/internal/store/storetest"
)

// engine returns an engine whose stores open the URL that change makes of a
// database's.
func engine(change func(url string) string) storetest.Engine {
	return func(tb testing.TB) storetest.Database {
		tb.Helper()
		url := server.Database(tb)
		return storetest.Database{
			Open: func(tb testing.TB, gate storetest.Gate) storetest.Store {
				tb.Helper()
				return open(tb, change(url), postgres.Options{MaxConns: 5, Gate: gate})
			},
			Raw:         raw(tb, url),
			Migrations:  postgres.Migrations,
			Dialect:     goose.DialectPostgres,
			Catalog:     catalog,
			NewerSchema: `INSERT INTO onsale.schema_migrations (version_id, is_applied) VALUES (999999, true)`,
		}
	}
}

// TestConformanceBehindAPooler lends each transaction another session.
func TestConformanceBehindAPooler(t *testing.T) {
	t.Parallel()
	pooler := server.Server(t).Pooler(t, pgtest.Transaction, "max_client_conn = 1000")
	storetest.Run(t, engine(pooler.URL))
}

func TestConformanceInEveryMode(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			storetest.Run(t, engine(func(url string) string { return url + "&default_query_exec_mode=" + mode }))
		})
	}
}
