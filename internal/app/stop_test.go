package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/app"
	"onsale/internal/app/apptest"
	"onsale/internal/client"
	"onsale/internal/fault"
	"onsale/internal/lock"
	"onsale/internal/sale"
)

// patience is how long the tests wait for what must come, on a crowded machine.
const patience = 30 * time.Second

// saying collects what a server says.
type saying struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *saying) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *saying) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await waits until the condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// options are those of a server on a free port without faults, and what it says.
func options(t *testing.T) (app.Options, *saying) {
	t.Helper()
	o, said, plan := app.DefaultOptions(), new(saying), fault.Off()
	o.Listen, o.DataDir, o.Faults, o.AdminToken, o.Out = "127.0.0.1:0", t.TempDir(), &plan, apptest.AdminToken, said
	return o, said
}

// start runs a server, and returns its URL and what stops it. That fails the
// test if the end is not orderly, or takes longer than the limit.
func start(t *testing.T, o app.Options, limit time.Duration) (url string, stop func()) {
	t.Helper()
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		began := time.Now()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with: %v", err)
		}
		if took := time.Since(began); took > limit {
			t.Errorf("the server took %s to stop, want at most %s", took, limit)
		}
	})
	t.Cleanup(stop)
	return "http://" + a.Addr(), stop
}

// status asks for a page.
func status(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := c.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// TestUpStopsInOrder leaves no goroutine, which the end of all tests verifies,
// and the monitoring does not report the stop as an outage.
func TestUpStopsInOrder(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	up := app.DefaultUp()
	o.Up = &up
	url, stop := start(t, o, 15*time.Second)
	apptest.Admin(t, url)
	await(t, "the monitoring", func() bool { return status(t, url+"/-/ready") == http.StatusOK })
	stop()
	text, err := os.ReadFile(filepath.Join(o.DataDir, "inbox.json"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("InstanceDown")) {
		t.Errorf("the stop was reported: %s", text)
	}
}

func TestStopWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	o, said := options(t)
	o.DatabaseURL, o.DatabaseURLSet = "postgres://nobody@127.0.0.1:1/away?sslmode=disable", true
	url, stop := start(t, o, 5*time.Second)
	await(t, "the first try", func() bool { return strings.Contains(said.String(), "waiting for the database") })
	if got := status(t, url+"/ready"); got != http.StatusServiceUnavailable {
		t.Errorf("/ready answered %d", got)
	}
	stop()
}

// TestStopWhileMigrating: another transaction has made the schema and does not
// end, so that the migration waits.
func TestStopWhileMigrating(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	o.DatabaseURL, o.DatabaseURLSet = database.Database(t), true
	ctx := context.WithoutCancel(t.Context())
	connect := func() *pgx.Conn {
		c, err := pgx.Connect(ctx, o.DatabaseURL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(ctx) })
		return c
	}
	other, watch := connect(), connect()
	if _, err := other.Exec(ctx, "BEGIN; CREATE SCHEMA onsale"); err != nil {
		t.Fatal(err)
	}
	_, stop := start(t, o, 10*time.Second)
	await(t, "the migration waits", func() bool {
		var waiting int
		err := watch.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		return waiting > 0
	})
	stop()
	if _, err := other.Exec(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	var there bool
	if err := watch.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'onsale')`).Scan(&there); err != nil || there {
		t.Errorf("the migration went on after the stop: %t, %v", there, err)
	}
}

// TestAStartThatFailsReleasesTheDataDirectory, so that another can use it.
func TestAStartThatFailsReleasesTheDataDirectory(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	up := app.DefaultUp()
	o.Up, o.DatabaseURL, o.DatabaseURLSet = &up, "mysql://127.0.0.1/sale", true
	if _, err := app.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Fatalf("New returned %v", err)
	}
	owned, err := lock.Own(filepath.Join(o.DataDir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := owned.Release(); err != nil {
		t.Error(err)
	}
}

// trap is a log that panics when it is given a message, in the goroutine that
// logs it, and writes down the others.
type trap struct {
	slog.Handler

	message string
}

func (h trap) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == h.message {
		panic("the log is broken")
	}
	return h.Handler.Handle(ctx, r)
}

func (h trap) WithAttrs(attrs []slog.Attr) slog.Handler { return trap{h.Handler.WithAttrs(attrs), h.message} }
func (h trap) WithGroup(name string) slog.Handler       { return trap{h.Handler.WithGroup(name), h.message} }

// TestAPanicBesideTheSaleDoesNotEndIt: the panic is in a goroutine of the part's own.
func TestAPanicBesideTheSaleDoesNotEndIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message string            // what is logged in a goroutine of the part
		files   map[string]string // what makes it log that
		said    string
	}{
		"monitoring": {
			"set a broken snapshot aside and began anew", map[string]string{"alertmanager/nflog": "no snapshot"},
			"the monitoring ended, the sale goes on: alertmanager panicked: the log is broken",
		},
		"crowd": {"concert opened", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, said := options(t)
			up, log := app.DefaultUp(), new(saying)
			o.Up, o.Logger = &up, slog.New(trap{slog.NewJSONHandler(log, nil), c.message})
			for path, content := range c.files {
				path = filepath.Join(o.DataDir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			url, stop := start(t, o, 15*time.Second)
			api := apptest.Admin(t, url)
			await(t, "the panic", func() bool { return strings.Contains(log.String(), "the log is broken") })
			await(t, c.said, func() bool { return strings.Contains(said.String(), c.said) })

			concert, err := api.CreateConcert(t.Context(), sale.NewConcert{Title: "Still on", Date: "tonight", Venue: "Here", Capacity: 1})
			if err != nil {
				t.Fatal(err)
			}
			if outcome, err := api.Buy(t.Context(), client.BuyRequest{ConcertID: concert.ID, Email: "buyer@example.com", Quantity: 1}); err != nil {
				t.Errorf("the buyer was answered %+v, %v", outcome, err)
			}
			stop()
			if !strings.Contains(log.String(), "goroutine ") {
				t.Errorf("no stack was logged: %s", log)
			}
		})
	}
}
