package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/pgtest"
	"onsale/internal/sale"
	"onsale/internal/store/postgres"
)

// TestPoolerWithoutTransactions uses PgBouncer in statement mode, where reads succeed
// but purchases cannot. Every call reports that.
func TestPoolerWithoutTransactions(t *testing.T) {
	t.Parallel()
	database := server.Database(t)
	newBatch(t, open(t, database, postgres.Options{}), 0) // migrates
	for name, settings := range map[string]string{"noticed": "", "named by the URL": "&pgbouncer=true"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pooler := server.Server(t).Pooler(t, "statement")
			store := open(t, pooler.URL(database)+settings, postgres.Options{})
			if err := store.Ping(t.Context()); err != nil {
				t.Errorf("ping: %v, want no error", err)
			}
			for call, err := range map[string]error{
				"try":     store.TryWrite(t.Context()),
				"migrate": store.Migrate(t.Context()),
				"check":   store.CheckSchema(t.Context()),
			} {
				o := obstacle(err)
				if !strings.Contains(o.Reason, "no transactions") || !strings.Contains(o.Remedy, "pool_mode") || !o.Lasting {
					t.Errorf("%s: %v, want an error that the pooler allows no transactions", call, err)
				}
			}
		})
	}
}

// TestPoolerThatIsFull uses a PgBouncer whose client connections others have used up.
// The store sells as soon as it has its selling connections, even without one for pings.
func TestPoolerThatIsFull(t *testing.T) {
	t.Parallel()
	pooler := server.Server(t).Pooler(t, pgtest.Transaction, "max_client_conn = 4")
	s := openShop(t, server.Server(t), "")
	url := pooler.URL(s.owner)
	var others []*pgx.Conn
	for range 4 {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
		others = append(others, conn)
	}
	store := open(t, url, postgres.Options{})
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v, want no error", err)
	}
	if o := obstacle(store.TryWrite(t.Context())); !strings.Contains(o.Reason, "no connection left") || !strings.Contains(o.Remedy, "max_client_conn") {
		t.Errorf("%+v, want the reason that no connection is left", o)
	}
	// One for the sale and one for general calls are enough.
	for _, conn := range others[:2] {
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	becomesNil(t, func() error { return store.TryWrite(t.Context()) })
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v, want no error", err)
	}
	if _, err := store.Sell(t.Context(), sale.Batch{Orders: orders(t, s.concert, 1)}); err != nil {
		t.Error(err)
	}
}

// TestPoolerWithTooFewSessions uses PgBouncer in session mode with a single session,
// which the pinger's connection occupies. The reason is the same whichever limit ends
// an attempt, so that it is logged only once.
func TestPoolerWithTooFewSessions(t *testing.T) {
	t.Parallel()
	pooler := server.Server(t).Pooler(t, pgtest.Session, "default_pool_size = 1")
	for name, settings := range map[string]string{"limit of the trial": "&connect_timeout=9", "limit of connecting": "&connect_timeout=1"} {
		store := open(t, pooler.URL(server.Database(t))+settings, postgres.Options{})
		if err := store.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		limited, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		o := obstacle(store.TryWrite(limited))
		cancel()
		if !strings.Contains(o.Reason, "no connection left") {
			t.Errorf("%s: %+v, want the reason that no connection is left", name, o)
		}
	}
}

// TestPoolerThatRejectsTheLogin logs in as a user that the pooler rejects.
func TestPoolerThatRejectsTheLogin(t *testing.T) {
	t.Parallel()
	pooler := server.Server(t).Pooler(t, pgtest.Transaction, "auth_type = md5")
	store := open(t, strings.Replace(pooler.URL(server.Database(t)), "postgres@", "stranger:s3cr3t@", 1), postgres.Options{})
	err := store.CheckSchema(t.Context())
	if o := obstacle(err); !strings.Contains(o.Reason, "rejects the login") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("%v, want an error that the login was rejected, without the password", err)
	}
}

// becomesNil repeats the call until it returns no error.
func becomesNil(t *testing.T, call func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for err := call(); err != nil; err = call() {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
