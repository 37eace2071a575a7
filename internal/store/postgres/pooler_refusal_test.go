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

// TestPoolerWithoutTransactions has a PgBouncer in statement mode, where reads
// succeed and a purchase cannot: no call pretends that it can.
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
				t.Errorf("ping: %v, want a sign of life", err)
			}
			for call, err := range map[string]error{
				"try":     store.TryWrite(t.Context()),
				"migrate": store.Migrate(t.Context()),
				"check":   store.CheckSchema(t.Context()),
			} {
				o := obstacle(err)
				if !strings.Contains(o.Reason, "no transactions") || !strings.Contains(o.Remedy, "pool_mode") || !o.Lasting {
					t.Errorf("%s: %v, want that the pooler allows no transactions", call, err)
				}
			}
		})
	}
}

// TestPoolerThatIsFull has a PgBouncer whose clients are used up by others. The
// connections that sell go on, without one for signs of life.
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
		t.Errorf("ping: %v, want a sign of life", err)
	}
	if o := obstacle(store.TryWrite(t.Context())); !strings.Contains(o.Reason, "no connection left") || !strings.Contains(o.Remedy, "max_client_conn") {
		t.Errorf("%+v, want that no connection is left", o)
	}
	// One for the sale and one for general calls are enough.
	for _, conn := range others[:2] {
		if err := conn.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	becomesNil(t, func() error { return store.TryWrite(t.Context()) })
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v, want a sign of life", err)
	}
	if _, err := store.Sell(t.Context(), sale.Batch{Orders: orders(t, s.concert, 1)}); err != nil {
		t.Error(err)
	}
}

// TestPoolerWithTooFewSessions has a PgBouncer in session mode whose only session is
// in use by the connection for signs of life. The reason stays the same, whichever
// limit ends a try, so that the log says it once.
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
			t.Errorf("%s: %+v, want that no connection is left", name, o)
		}
	}
}

// TestPoolerThatRefusesTheLogin has a user that the pooler does not let in.
func TestPoolerThatRefusesTheLogin(t *testing.T) {
	t.Parallel()
	pooler := server.Server(t).Pooler(t, pgtest.Transaction, "auth_type = md5")
	store := open(t, strings.Replace(pooler.URL(server.Database(t)), "postgres@", "stranger:s3cr3t@", 1), postgres.Options{})
	err := store.CheckSchema(t.Context())
	if o := obstacle(err); !strings.Contains(o.Reason, "refuses the login") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("%v, want that the login is refused", err)
	}
}

// becomesNil calls until there is no error.
func becomesNil(t *testing.T, call func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for err := call(); err != nil; err = call() {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
