package main

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"onsale/internal/pgtest"
)

// TestAutomateBehindAPooler creates and deletes items on a server that uses its database
// through PgBouncer. It records the calls in the same database, also through PgBouncer.
func TestAutomateBehindAPooler(t *testing.T) {
	t.Parallel()
	for mode, settings := range map[string][]string{
		pgtest.Session:     nil,
		pgtest.Transaction: {"default_pool_size = 2"},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			postgres := server.Server(t)
			direct := postgres.WithPassword(server.Database(t))
			through := postgres.Pooler(t, mode, settings...).URL(direct)
			p := serve(t, database(through), "--faults", "off")
			a := automate(t, p.url(), "--rate=200", "--count=20", "--record", through)
			if code := a.code(); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			conn, err := pgx.Connect(t.Context(), direct)
			if err != nil {
				t.Fatal(err)
			}
			var created, deleted, left int
			err = conn.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE status = 201), count(*) FILTER (WHERE method = 'DELETE' AND status = 200),
				(SELECT count(*) FROM onsale.items) FROM onsale.automate_calls`).Scan(&created, &deleted, &left)
			if err := errors.Join(err, conn.Close(t.Context())); err != nil || created != 20 || deleted != 20 || left != 0 {
				t.Errorf("%d items created, %d deleted and %d left, %v: want 20, 20, 0", created, deleted, left, err)
			}
		})
	}
}
