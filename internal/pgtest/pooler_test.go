package pgtest_test

import (
	"testing"

	"onsale/internal/pgtest"
)

// TestPooler checks a PgBouncer with default settings: it hides the session, rejects
// unknown startup parameters, and can be stopped and started.
func TestPooler(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{pgtest.Session, pgtest.Transaction} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pooler := cluster.Server(t).Pooler(t, mode, "default_pool_size = 3")
			database := cluster.Database(t)
			for name, direct := range map[string]string{"superuser": database, "owner": cluster.Server(t).WithPassword(database)} {
				conn := connect(t, pooler.URL(direct))
				var session uint32
				if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()::bigint").Scan(&session); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if session == conn.PgConn().PID() {
					t.Errorf("%s: the connection has a session of its own", name)
				}
			}
			if got := code(try(t, pooler.URL(database)+"&lock_timeout=1")); got != "08P01" {
				t.Errorf("an unknown startup parameter fails with %q, want 08P01", got)
			}
			if err := pooler.Stop(); err != nil {
				t.Fatal(err)
			}
			if err := try(t, pooler.URL(database)); err == nil {
				t.Error("a stopped pooler answers")
			}
			if err := pooler.Start(); err != nil {
				t.Fatal(err)
			}
			query(t, pooler.URL(database), "SELECT '1'")
		})
	}
}
