package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/sale"
	"onsale/internal/store/postgres"
)

// line is a proxy for PostgreSQL that can cut a connection when the client sends a
// given word.
type line struct {
	t      *testing.T
	server string
	// cutAt is the word that cuts the connection, once. If arrives is set, the server
	// still gets the message with it.
	cutAt   atomic.Pointer[string]
	arrives bool
	// conns counts the connections. The first dead of them lose everything without an
	// error, as after a power cut.
	conns, dead atomic.Int64
}

// newLine returns a line to the database, and the URL to connect to it. Statements are
// sent as text, so that the line can read them.
func newLine(t *testing.T, database string) (*line, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l := &line{t: t, server: u.Host}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(client)
		}
	}()
	u.Host = listener.Addr().String()
	query := u.Query()
	query.Set("default_query_exec_mode", "exec")
	u.RawQuery = query.Encode()
	return l, u.String()
}

func (l *line) carry(client net.Conn) {
	defer client.Close()
	number := l.conns.Add(1)
	conn, err := new(net.Dialer).DialContext(l.t.Context(), "tcp", l.server)
	if err != nil {
		return
	}
	server, ok := conn.(*net.TCPConn)
	if !ok {
		l.t.Errorf("the connection to the server is a %T", conn)
		return
	}
	go func() {
		defer server.Close()
		if _, err := io.Copy(l.unlessDead(number, client), server); err == nil {
			_ = client.Close()
			return
		}
		_, _ = io.Copy(io.Discard, server) // the client has left, but the server must not notice
	}()
	defer server.CloseWrite()
	buffer := make([]byte, 1<<20)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		word := l.cutAt.Load()
		cut := word != nil && bytes.Contains(buffer[:n], []byte(*word)) && l.cutAt.CompareAndSwap(word, nil)
		if cut {
			_ = client.Close() // before the server can answer
		}
		if !cut || l.arrives {
			_, err = l.unlessDead(number, server).Write(buffer[:n])
		}
		if cut || err != nil {
			return
		}
	}
}

// unlessDead returns a writer that writes to w unless the connection is dead.
func (l *line) unlessDead(number int64, w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if number <= l.dead.Load() {
			return len(p), nil
		}
		return w.Write(p)
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// TestServerLosesPower leaves the pools with dead connections. Buyers get an error
// within a second, and selling resumes without help when the server is back.
func TestServerLosesPower(t *testing.T) {
	t.Parallel()
	l, through := newLine(t, server.Database(t))
	store := open(t, through, postgres.Options{})
	batch := newBatch(t, store, 1)
	seller, err := sale.NewSeller(store, sale.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seller.Start(t.Context())
	t.Cleanup(func() { _ = seller.Stop(context.WithoutCancel(t.Context())) })
	buy := func() (time.Duration, error) {
		o := batch.Orders[0]
		if o.ID, err = sale.NewID(); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, err := seller.Buy(t.Context(), o)
		return time.Since(begin), err
	}
	if _, err := buy(); err != nil {
		t.Fatal(err)
	}

	l.dead.Store(l.conns.Load() + 1000) // new connections are dead too
	if took, err := buy(); !errors.Is(err, sale.ErrUnavailable) || took > 1500*time.Millisecond {
		t.Errorf("got %v after %s, want unavailable within a second", err, took)
	}
	l.dead.Store(l.conns.Load())
	begin := time.Now()
	for {
		if _, err := buy(); err == nil {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal("nothing was sold within 10 s of the server's recovery")
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("sold again %s after the server's recovery", time.Since(begin))
}

// TestLineCutInMidSale cuts the connection at each step of a batch. The error shows
// whether something can have been written, and a rerun of the batch sells it once.
func TestLineCutInMidSale(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		word    string
		arrives bool
		want    error
	}{
		"lock never arrives":         {"FOR UPDATE", false, sale.ErrUnavailable},
		"answer to the lock is lost": {"FOR UPDATE", true, sale.ErrUnavailable},
		"commit never arrives":       {"INSERT", false, sale.ErrOutcomeUnknown},
		"answer to commit is lost":   {"INSERT", true, sale.ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, through := newLine(t, server.Database(t))
			l.arrives = c.arrives
			store := open(t, through, postgres.Options{})
			batch := newBatch(t, store, 3)

			l.cutAt.Store(&c.word)
			if _, err := store.Sell(t.Context(), batch); !errors.Is(err, c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v, want %v in one line", err, c.want)
			}
			batch.Rerun = true
			outcomes, err := store.Sell(t.Context(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range outcomes {
				if o.Status != sale.Sold || o.Purchase.ID != batch.Orders[i].ID {
					t.Errorf("order %d: %+v, want sold", i, o)
				}
			}
			books, err := store.Books(t.Context())
			if err != nil || books.Difference() != 0 || books.Concerts[0].Sold != 3 {
				t.Errorf("books %+v, %v: want 3 sold", books, err)
			}
		})
	}
}

// TestContextThatEndsAtCommit expects an unknown outcome if the context ends during
// the commit.
func TestContextThatEndsAtCommit(t *testing.T) {
	t.Parallel()
	database := server.Database(t)
	store := open(t, database, postgres.Options{})
	batch := newBatch(t, store, 1)
	exec(t, database, `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NULL; END'`)
	exec(t, database, `CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON purchases DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`)

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for inCommit := 0; inCommit == 0 && t.Context().Err() == nil; {
			_ = raw(t, database).QueryRowContext(t.Context(), `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event = 'PgSleep'`).Scan(&inCommit)
		}
	}()
	if _, err := store.Sell(ctx, batch); !errors.Is(err, sale.ErrOutcomeUnknown) {
		t.Fatalf("got %v, want outcome unknown", err)
	}
	batch.Rerun = true
	if outcomes, err := store.Sell(t.Context(), batch); err != nil || outcomes[0].Status != sale.Sold {
		t.Errorf("run again: %+v, %v", outcomes, err)
	}
}

// newBatch migrates, creates a concert, and returns n orders for it.
func newBatch(t *testing.T, store *postgres.Store, n int) sale.Batch {
	t.Helper()
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	concert, err := store.CreateConcert(t.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: 100})
	if err != nil {
		t.Fatal(err)
	}
	var batch sale.Batch
	for range n {
		id, err := sale.NewID()
		if err != nil {
			t.Fatal(err)
		}
		batch.Orders = append(batch.Orders, sale.Order{ID: id, ConcertID: concert.ID, Email: "a@example.com", Quantity: 1})
	}
	return batch
}

func exec(t *testing.T, database, statement string) {
	t.Helper()
	if _, err := raw(t, database).ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
