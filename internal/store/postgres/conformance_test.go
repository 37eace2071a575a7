package postgres_test

import (
	"bytes"
	"database/sql"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"onsale/internal/store/postgres"
	"onsale/internal/store/storetest"
)

// catalog describes the tables, columns, constraints and indexes of the schema.
const catalog = `SELECT concat_ws(' ', 'column', table_name, ordinal_position, column_name, data_type, is_nullable, column_default, is_identity)
		FROM information_schema.columns WHERE table_schema = 'onsale'
	UNION ALL SELECT concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(c.oid))
		FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace WHERE nspname = 'onsale'
	UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'onsale'
	UNION ALL SELECT concat_ws(' ', relkind, relname, reloptions)
		FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'onsale'
	UNION ALL SELECT concat_ws(' ', 'function', proname) FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'onsale'
	UNION ALL SELECT concat_ws(' ', 'type', typname) FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace WHERE nspname = 'onsale'
	ORDER BY 1`

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, engine(func(url string) string { return url }))
}

// engine returns an engine whose stores open way(url), where url is the URL of a new
// database.
func engine(way func(url string) string) storetest.Engine {
	return func(tb testing.TB) storetest.Database {
		tb.Helper()
		url := server.Database(tb)
		return storetest.Database{
			Open: func(tb testing.TB, gate storetest.Gate) storetest.Store {
				tb.Helper()
				return open(tb, way(url), postgres.Options{MaxConns: 5, Gate: gate})
			},
			Raw:         raw(tb, url),
			Migrations:  postgres.Migrations,
			Dialect:     goose.DialectPostgres,
			Catalog:     catalog,
			NewerSchema: `INSERT INTO onsale.schema_migrations (version_id, is_applied) VALUES (999999, true)`,
		}
	}
}

func open(tb testing.TB, url string, o postgres.Options) *postgres.Store {
	tb.Helper()
	store, err := postgres.Open(tb.Context(), url, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() }) // a second Close does nothing
	return store
}

// raw opens the database without the store. Tables are found by their bare names.
func raw(tb testing.TB, url string) *sql.DB {
	tb.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		tb.Fatal(err)
	}
	config.RuntimeParams["search_path"] = "onsale"
	db := stdlib.OpenDB(*config)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// TestURLs opens stores with connection URLs, valid and invalid. No error shows the
// password. Package conninfo tests the syntax in detail.
func TestURLs(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	for url, want := range map[string]string{
		"postgres://u:" + secret + "@host/db":                             "",
		"postgresql://u:" + secret + "@host:5433/db?sslmode=verify-full":  "",
		"postgres://u:" + secret + "@one,two:5433/db":                     "",
		"postgres:///db?host=/var/run/postgresql":                         "",
		"postgres://u:" + secret + "@one:5432,two/db":                     "",
		"postgres://u:" + secret + "@[::1]:5432/db":                       "",
		"postgres://u:" + secret + "@et/word@127.0.0.1:5432/db":           "",
		"postgres://u:12/34" + secret + "@127.0.0.1/db":                   "",
		"postgres://u:s3@" + secret + "#x@127.0.0.1/db":                   "",
		"postgres://u:a:" + secret + "@127.0.0.1/db":                      "",
		"postgres://u:" + secret + "?x@127.0.0.1/db":                      "",
		"postgres://u:" + secret + "@host/db?sslmode=maybe":               "sslmode",
		"postgres://u:" + secret + "@host/db?target_session_attrs=best":   "target_session_attrs",
		"postgres://u:" + secret + "@host/db?connect_timeout=soon":        "connect_timeout",
		"postgres://u:" + secret + "%@host/db":                            "",
		"postgres://u:pa:ss/" + secret + "@host/db":                       "",
		"postgres://u:a@" + secret + "/x@host":                            "percent-encoded",
		"postgres://host:" + secret + "/db":                               "percent-encoded",
		"postgres://u@host/db?sslpassword=" + secret + "&sslmode=perhaps": "sslmode",
	} {
		store, err := postgres.Open(t.Context(), url, postgres.Options{})
		switch {
		case err == nil && want == "":
			_ = store.Close()
		case err == nil:
			_ = store.Close()
			t.Errorf("%s was accepted", url)
		case strings.Contains(err.Error(), secret):
			t.Errorf("%s: the error shows the password: %v", url, err)
		case want == "" || !strings.Contains(err.Error(), want):
			t.Errorf("%s: %v, want an error with %q", url, err, want)
		}
	}
}

// TestURLOfAnotherProgram opens a real database with a URL in SQLAlchemy's form, and
// with the newline that echo leaves in a Kubernetes Secret. The log names each ignored
// setting once.
func TestURLOfAnotherProgram(t *testing.T) {
	t.Parallel()
	url := strings.Replace(server.Database(t), "postgres://", "postgresql+psycopg2://", 1)
	var log bytes.Buffer
	store := open(t, url+"&gssencmode=disable&keepalives=1&fallback_application_name=x\n", postgres.Options{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err := store.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
	if err := store.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Count(text, "gssencmode") != 1 || strings.Count(text, "keepalives") != 1 {
		t.Errorf("want each ignored setting once in the log:\n%s", text)
	}
}

func TestInvalidOptions(t *testing.T) {
	t.Parallel()
	if _, err := postgres.Open(t.Context(), "postgres://host/db", postgres.Options{MaxConns: 2}); err == nil {
		t.Error("2 connections were accepted")
	}
}

// TestSeveralHosts connects to the second host of a URL because the first is
// unreachable. A read-only host is rejected.
func TestSeveralHosts(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	several := strings.Replace(url, "@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:", 1)
	if several == url {
		t.Fatalf("no host in %s", url)
	}
	store := open(t, several, postgres.Options{})
	if err := store.Migrate(t.Context()); err != nil {
		t.Errorf("migrate at the second host: %v", err)
	}
	exec(t, url, `ALTER DATABASE `+url[strings.LastIndex(url, "/")+1:strings.Index(url, "?")]+` SET default_transaction_read_only = on`)
	err := open(t, several, postgres.Options{}).Ping(t.Context())
	if reason := obstacle(err).Reason; reason != "the database is read-only" {
		t.Errorf("a read-only host: %v, want an error that says so", err)
	}
}
