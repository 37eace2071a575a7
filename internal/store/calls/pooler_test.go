package calls_test

import (
	"strings"
	"testing"
	"time"

	"onsale/internal/pgtest"
	"onsale/internal/store/calls"
)

// TestRecordBehindAPooler records with two recorders behind a PgBouncer that has a
// single session for both, in every pool mode and statement mode.
func TestRecordBehindAPooler(t *testing.T) {
	t.Parallel()
	pgbouncer := server.Server(t).Pooler(t, pgtest.Transaction, "default_pool_size = 1")
	for name, through := range map[string]func(*testing.T, string) string{
		"directly, exec":            func(_ *testing.T, url string) string { return url + "&default_query_exec_mode=exec" },
		"directly, simple protocol": func(_ *testing.T, url string) string { return url + "&default_query_exec_mode=simple_protocol" },
		"directly, cached":          func(_ *testing.T, url string) string { return url + "&default_query_exec_mode=cache_statement" },
		"session": func(t *testing.T, url string) string {
			t.Helper()
			return server.Server(t).Pooler(t, pgtest.Session).URL(url)
		},
		"transaction":              func(_ *testing.T, url string) string { return pgbouncer.URL(url) },
		"transaction, other limit": func(_ *testing.T, url string) string { return pgbouncer.URL(url) + "&statement_timeout=3s" },
		"transaction, limit by option": func(_ *testing.T, url string) string {
			return pgbouncer.URL(url) + "&options=-c%20statement_timeout%3D3s"
		},
		"transaction, pgbouncer=true": func(_ *testing.T, url string) string { return pgbouncer.URL(url) + "&pgbouncer=true" },
		"transaction, exec":           func(_ *testing.T, url string) string { return pgbouncer.URL(url) + "&default_query_exec_mode=exec" },
		"transaction, simple": func(_ *testing.T, url string) string {
			return pgbouncer.URL(url) + "&default_query_exec_mode=simple_protocol"
		},
		"transaction, described": func(_ *testing.T, url string) string {
			return pgbouncer.URL(url) + "&default_query_exec_mode=cache_describe"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const each = 10
			direct := server.Database(t)
			url := through(t, direct)
			recorders := []*calls.Recorder{start(t, url, calls.Options{}), start(t, url, calls.Options{})}
			for i := range each {
				for _, r := range recorders {
					r.Record(oneCall(i))
				}
			}
			for _, r := range recorders {
				if _, err := closeWithin(t, r, 30*time.Second); err != nil {
					t.Fatal(err)
				}
			}
			if n := query[int](t, direct, countCalls); n != 2*each {
				t.Errorf("%d calls were recorded, want %d", n, 2*each)
			}
		})
	}
}

// TestLoginRejectedByAPooler expects Start to fail, as without a pooler.
func TestLoginRejectedByAPooler(t *testing.T) {
	t.Parallel()
	pooler := server.Server(t).Pooler(t, pgtest.Transaction, "auth_type = md5")
	url := strings.Replace(pooler.URL(server.Database(t)), "postgres@", "stranger:s3cr3t@", 1)
	r, err := calls.Open(url, calls.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("start: %v, want an error that the login was rejected, without the password", err)
	}
}
