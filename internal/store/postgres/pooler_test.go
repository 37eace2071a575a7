package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/pgtest"
	"onsale/internal/sale"
	"onsale/internal/store/postgres"
	"onsale/internal/store/storetest"
)

// patience is how long a test waits for something that normally takes seconds.
const patience = 30 * time.Second

// TestConformanceBehindAPooler runs the whole suite behind a pooler that can give each
// transaction another session.
func TestConformanceBehindAPooler(t *testing.T) {
	t.Parallel()
	storetest.Run(t, engine(server.Server(t).Pooler(t, pgtest.Transaction).URL))
}

// TestEveryCallOnEveryWay calls every method on two replicas at once, directly and
// behind poolers, with every statement mode of the driver.
func TestEveryCallOnEveryWay(t *testing.T) {
	t.Parallel()
	direct := func(url string) string { return url }
	session := server.Server(t).Pooler(t, pgtest.Session, "default_pool_size = 30").URL
	transaction := server.Server(t).Pooler(t, pgtest.Transaction).URL
	one := server.Server(t).Pooler(t, pgtest.Transaction, "default_pool_size = 1").URL
	two := server.Server(t).Pooler(t, pgtest.Transaction, "default_pool_size = 2").URL
	for name, c := range map[string]struct {
		way      func(url string) string
		settings string
	}{
		"direct":                                {direct, ""},
		"direct, described":                     {direct, "&default_query_exec_mode=cache_describe"},
		"direct, described each time":           {direct, "&default_query_exec_mode=describe_exec"},
		"direct, exec":                          {direct, "&default_query_exec_mode=exec"},
		"direct, simple protocol":               {direct, "&default_query_exec_mode=simple_protocol"},
		"direct, prepared by name":              {direct, "&default_query_exec_mode=cache_statement"},
		"direct, no cache":                      {direct, "&statement_cache_capacity=0"},
		"direct, no cache of descriptions":      {direct, "&default_query_exec_mode=cache_describe&description_cache_capacity=0"},
		"direct, another program's setting":     {direct, "&pgbouncer=true"},
		"session":                               {session, ""},
		"session, prepared by name":             {session, "&default_query_exec_mode=cache_statement"},
		"transaction":                           {transaction, ""},
		"transaction, described":                {transaction, "&default_query_exec_mode=cache_describe"},
		"transaction, described each time":      {transaction, "&default_query_exec_mode=describe_exec"},
		"transaction, exec":                     {transaction, "&default_query_exec_mode=exec"},
		"transaction, simple protocol":          {transaction, "&default_query_exec_mode=simple_protocol"},
		"transaction, no cache":                 {transaction, "&statement_cache_capacity=0"},
		"transaction, another program's":        {transaction, "&pgbouncer=true"},
		"transaction, limits":                   {transaction, "&lock_timeout=3s&statement_timeout=4500&idle_in_transaction_session_timeout=4s"},
		"transaction, limits as options":        {transaction, "&options=-c%20lock_timeout%3D3s%20--statement-timeout%3D4500"},
		"transaction, one session":              {one, ""},
		"transaction, one session, described":   {one, "&default_query_exec_mode=cache_describe"},
		"transaction, two sessions":             {two, ""},
		"transaction, primary of several hosts": {transaction, "&target_session_attrs=read-write"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := c.way(server.Database(t)) + c.settings
			callEverything(t, open(t, url, postgres.Options{}), open(t, url, postgres.Options{}))
		})
	}
}

// callEverything migrates with two replicas at once, sells a concert out on both, and
// calls every other method of the store.
func callEverything(t *testing.T, replicas ...*postgres.Store) {
	t.Helper()
	const capacity, batches = 20, 8 // of 4 orders, twice
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	var working sync.WaitGroup
	errs := make([]error, len(replicas))
	for i, replica := range replicas {
		working.Go(func() { errs[i] = replica.Migrate(ctx) })
	}
	working.Wait()
	must("migrate", errors.Join(errs...))

	first, second := replicas[0], replicas[1]
	concert, err := first.CreateConcert(ctx, sale.NewConcert{Title: "Ünï'\\$1", Date: "D", Venue: "V", Capacity: capacity})
	must("create concert", err)
	sold := make([][]uuid.UUID, len(replicas))
	for i, replica := range replicas {
		working.Go(func() {
			for range batches {
				b := sale.Batch{Orders: orders(t, concert.ID, 4)}
				b.Orders[0].Key = b.Orders[0].ID.String()
				outcomes, err := replica.Sell(ctx, b)
				for errors.Is(err, sale.ErrConflict) { // the lock timeout, on a busy machine
					outcomes, err = replica.Sell(ctx, b)
				}
				errs[i] = errors.Join(errs[i], err)
				for _, o := range outcomes {
					if o.Status == sale.Sold {
						sold[i] = append(sold[i], o.Purchase.ID)
					}
				}
			}
		})
	}
	working.Wait()
	must("sell", errors.Join(errs...))
	ids := slices.Concat(sold...)
	if len(ids) != capacity {
		t.Fatalf("%d tickets of %d were sold", len(ids), capacity)
	}

	p, err := second.Purchase(ctx, ids[0])
	must("read purchase", err)
	p, err = first.PurchaseByKey(ctx, p.Key)
	must("read purchase by key", err)
	_, err = second.Refund(ctx, p.ID)
	must("refund", err)
	concert, err = first.Concert(ctx, concert.ID)
	must("read concert", err)
	if concert.Sold != capacity-1 || concert.Title != "Ünï'\\$1" {
		t.Errorf("concert %+v, want %d sold", concert, capacity-1)
	}
	all, err := second.Concerts(ctx)
	must("list concerts", err)
	page, err := first.Purchases(ctx, concert.ID, uuid.Nil, capacity)
	must("list purchases", err)
	if len(all) != 1 || len(page) != capacity {
		t.Errorf("%d concerts and %d purchases, want 1 and %d", len(all), len(page), capacity)
	}
	books, err := second.Books(ctx)
	must("read books", err)
	difference, _, err := first.AuditBooks(ctx, 0)
	must("audit books", err)
	if books.Difference() != 0 || difference != 0 {
		t.Errorf("books differ: %+v, audited %d", books, difference)
	}

	i, err := item.New("ada", time.Now())
	must("make item", err)
	must("create item", first.CreateItem(ctx, i))
	must("delete item", second.DeleteItem(ctx, i.ID, i.UserID))
	candidate := item.NewKey()
	key, err := first.TokenKey(ctx, candidate)
	must("write token key", err)
	same, err := second.TokenKey(ctx, item.NewKey())
	must("read token key", err)
	if !bytes.Equal(key, candidate) || !bytes.Equal(same, key) {
		t.Errorf("token keys %x and %x, want %x", key, same, candidate)
	}
	plan := fault.Plan{}
	_, err = first.SavePlan(ctx, plan)
	must("save plan", err)
	state, err := second.LoadPlan(ctx)
	must("load plan", err)
	must("write heartbeat", first.Heartbeat(ctx, "one", state.Version))
	alive, err := second.Replicas(ctx)
	must("list replicas", err)
	if state.Version != 1 || len(alive) != 1 {
		t.Errorf("plan %+v and replicas %v, want version 1 and one replica", state, alive)
	}
	must("check schema", second.CheckSchema(ctx))
	must("ping", errors.Join(first.Ping(ctx), second.Ping(ctx)))
}

// orders returns orders of one ticket each.
func orders(t *testing.T, concert int64, n int) (all []sale.Order) {
	t.Helper()
	for range n {
		id, err := sale.NewID()
		if err != nil {
			t.Error(err)
		}
		all = append(all, sale.Order{ID: id, ConcertID: concert, Email: "o'hara\\@example.com", Quantity: 1})
	}
	return all
}

// TestStatementsPreparedBehindAPooler is the negative control: with prepared
// statements, two replicas that share a session of the server get an error.
func TestStatementsPreparedBehindAPooler(t *testing.T) {
	t.Parallel()
	pooler := server.Server(t).Pooler(t, pgtest.Transaction, "default_pool_size = 1")
	url := pooler.URL(server.Database(t)) + "&default_query_exec_mode=cache_statement"
	first, second := open(t, url, postgres.Options{}), open(t, url, postgres.Options{})
	if err := first.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	errs := make(map[bool]error)
	for _, store := range []*postgres.Store{first, second} {
		_, errs[store == first] = store.Concert(t.Context(), 1)
	}
	if err := errs[false]; err == nil || !strings.Contains(err.Error(), "42P05") {
		t.Errorf("the second replica got %v, want 42P05: prepared statement already exists", err)
	}
}

// TestLimitsOnEveryWay makes a sale wait for a locked concert. The server ends the wait
// by the lock timeout or the statement timeout, whichever is shorter. The next user of
// the session does not inherit the limits.
func TestLimitsOnEveryWay(t *testing.T) {
	t.Parallel()
	direct := func(url string) string { return url }
	session := server.Server(t).Pooler(t, pgtest.Session, "default_pool_size = 30").URL
	transaction := server.Server(t).Pooler(t, pgtest.Transaction, "default_pool_size = 1").URL
	for way, through := range map[string]func(string) string{"direct": direct, "session": session, "transaction": transaction} {
		for settings, want := range map[string]error{
			"":                      sale.ErrConflict, // 2 s before 5 s
			"&statement_timeout=1s": sale.ErrUnavailable,
			"&lock_timeout=50ms&statement_timeout=1s":                               sale.ErrConflict,
			"&options=--statement-timeout%3D1s%20-c%20lock_timeout%3D50":            sale.ErrConflict,
			"&options=-c%20lock_timeout%3D20&lock_timeout=20s&statement_timeout=1s": sale.ErrUnavailable,
		} {
			t.Run(way+settings, func(t *testing.T) {
				t.Parallel()
				database := server.Database(t)
				store := open(t, through(database)+settings, postgres.Options{})
				batch := newBatch(t, store, 1)
				hold := locked(t, database)
				limited, cancel := context.WithTimeout(t.Context(), patience/3)
				defer cancel()
				if _, err := store.Sell(limited, batch); !errors.Is(err, want) {
					t.Errorf("got %v, want %v", err, want)
				}
				if err := hold.Rollback(); err != nil {
					t.Fatal(err)
				}
				if _, err := store.Sell(t.Context(), batch); err != nil {
					t.Errorf("sell after the lock was released: %v", err)
				}
				if err := store.Close(); err != nil {
					t.Fatal(err)
				}
				for _, limit := range []string{"lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "tcp_user_timeout"} {
					if value := show(t, through(database), limit); value != "0" {
						t.Errorf("another client inherits %s = %s, want 0", limit, value)
					}
				}
			})
		}
	}
}

// show reads a setting of the session.
func show(t *testing.T, url, name string) (value string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if err := conn.QueryRow(t.Context(), "SHOW "+name, pgx.QueryExecModeSimpleProtocol).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestInvalidLimits expects Open to reject them, so that not every purchase fails.
func TestInvalidLimits(t *testing.T) {
	t.Parallel()
	for settings, name := range map[string]string{
		"lock_timeout=soon":                             "lock_timeout",
		"statement_timeout=-1":                          "statement_timeout",
		"idle_in_transaction_session_timeout=5s'%3B":    "idle_in_transaction_session_timeout",
		"options=-c%20tcp_user_timeout%3D5parsecs":      "tcp_user_timeout",
		"options=-clock_timeout%3D5+-clock_timeout%3Dx": "lock_timeout",
	} {
		_, err := postgres.Open(t.Context(), "postgres://u:s3cr3t@host/db?"+settings, postgres.Options{})
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want an error that names %s", settings, err, name)
		}
	}
}

// TestPoolerThatRestarts stops the pooler, which breaks all connections. The store goes
// on selling on the second host of the URL, the server itself, and later behind the
// pooler again.
func TestPoolerThatRestarts(t *testing.T) {
	t.Parallel()
	database := server.Database(t)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	pooler := server.Server(t).Pooler(t, pgtest.Transaction, "default_pool_size = 2")
	u.Host = pooler.Addr() + "," + u.Host
	replicas := []*postgres.Store{open(t, u.String(), postgres.Options{}), open(t, u.String(), postgres.Options{})}
	newBatch(t, replicas[0], 0)
	sell := func(what string) {
		t.Helper()
		for _, store := range replicas {
			deadline := time.Now().Add(patience)
			for {
				if err := store.Ping(t.Context()); err == nil {
					if _, err = store.Sell(t.Context(), sale.Batch{Orders: orders(t, 1, 1)}); err == nil {
						break
					}
				}
				if time.Now().After(deadline) {
					t.Fatalf("nothing was sold %s", what)
				}
			}
		}
	}
	// Each replica has a connection to sell and one to ping. The pooler serves all four
	// with its two sessions.
	const sessions = ` FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'onsale'`
	sell("behind the pooler")
	eventually(t, database, `SELECT count(*) <= 2`+sessions)
	if err := pooler.Stop(); err != nil {
		t.Fatal(err)
	}
	sell("past the pooler")
	eventually(t, database, `SELECT count(*) >= 4`+sessions)
	if err := pooler.Start(); err != nil {
		t.Fatal(err)
	}
	for _, store := range replicas {
		renew(t, store)
	}
	sell("behind the pooler again")
	eventually(t, database, `SELECT count(*) <= 2`+sessions)
}
