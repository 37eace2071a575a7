package app_test

import (
	"bytes"
	"context"
	"errors"
	"io"
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
	"onsale/internal/pgtest"
	"onsale/internal/sale"
)

// patience is how long the tests wait on a busy machine.
const patience = 30 * time.Second

// saying collects the output of a server.
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

// await waits until the condition is true.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("timed out waiting for: %s", what)
		}
	}
}

// options returns the options of a server on a free port without faults, and its output.
func options(t *testing.T) (app.Options, *saying) {
	t.Helper()
	o, said, plan := app.DefaultOptions(), new(saying), fault.Off()
	o.Listen, o.DataDir, o.Faults, o.AdminToken, o.Out = "127.0.0.1:0", t.TempDir(), &plan, apptest.AdminToken, said
	return o, said
}

// start runs a server. It returns its URL, and a function that stops it and returns its
// error. A stop that takes longer than the limit fails the test.
func start(t *testing.T, o app.Options, limit time.Duration) (url string, stop func() error) {
	t.Helper()
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		began := time.Now()
		cancel()
		err := <-ended
		if took := time.Since(began); took > limit {
			t.Errorf("the server took %s to stop, want at most %s", took, limit)
		}
		return err
	})
	t.Cleanup(func() { _ = stop() })
	return "http://" + a.Addr(), stop
}

// get requests a page as an admin. The status is 0 if the connection failed.
func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	return call(t, http.MethodGet, url, "")
}

// call makes a call as an admin. The status is 0 if the connection failed.
func call(t *testing.T, method, url, content string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+apptest.AdminToken)
	r.Header.Set("Content-Type", "application/json")
	c := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := c.Do(r)
	if err != nil {
		return 0, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, ""
	}
	return answer.StatusCode, string(text)
}

// TestUpStopsInOrder: the monitoring does not report the stop as an outage. TestMain checks
// that no goroutine is left.
func TestUpStopsInOrder(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	up := monitored()
	o.Up = &up
	url, stop := start(t, o, 15*time.Second)
	apptest.Admin(t, url)
	await(t, "the monitoring", func() bool { status, _ := get(t, url+"/-/ready"); return status == http.StatusOK })
	if err := stop(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(o.DataDir, "inbox.json"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("InstanceDown")) {
		t.Errorf("the stop was reported: %s", text)
	}
}

func TestStopWhileTheDatabaseIsUnreachable(t *testing.T) {
	t.Parallel()
	o, said := options(t)
	o.DatabaseURL, o.DatabaseURLSet = "postgres://nobody@127.0.0.1:1/away?sslmode=disable", true
	url, stop := start(t, o, 5*time.Second)
	await(t, "the first attempt", func() bool { return strings.Contains(said.String(), "waiting for the database") })
	if got, _ := get(t, url+"/ready"); got != http.StatusServiceUnavailable {
		t.Errorf("/ready answered %d", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestStopWhileMigrating: another transaction has created the schema and does not end, so
// the migration waits.
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
	count := func(where string) (sessions int) {
		t.Helper()
		err := watch.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND backend_type = 'client backend' AND `+where).Scan(&sessions)
		if err != nil {
			t.Fatal(err)
		}
		return sessions
	}
	await(t, "the migration waits", func() bool { return count("wait_event_type = 'Lock'") > 0 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if _, err := other.Exec(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	await(t, "the server's sessions end", func() bool { return count("true") == 2 })
	var tables int
	if err := watch.QueryRow(ctx, `SELECT count(*) FROM pg_tables WHERE schemaname = 'onsale' AND tablename = 'concerts'`).Scan(&tables); err != nil || tables > 0 {
		t.Errorf("the migration continued after the stop: %d, %v", tables, err)
	}
}

// TestStopWhileTheDatabaseIsFrozen: the database accepts connections but does not answer.
// The buyer in flight still gets an answer.
func TestStopWhileTheDatabaseIsFrozen(t *testing.T) {
	t.Parallel()
	frozen := pgtest.Start(t)
	o, _ := options(t)
	o.DatabaseURL, o.DatabaseURLSet = frozen.Database(t), true
	o.Faults.Routes = map[string]fault.RouteFaults{"/buy/{concert_id}": {Delay: fault.Delay{Fixed: 2 * time.Second}}}
	url, stop := start(t, o, 29*time.Second)
	api := apptest.Admin(t, url)
	concert, err := api.CreateConcert(t.Context(), sale.NewConcert{Title: "Cold", Date: "tonight", Venue: "Here", Capacity: 1})
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, err := api.Buy(t.Context(), client.BuyRequest{ConcertID: concert.ID, Email: "buyer@example.com", Quantity: 1})
		answer <- err
	}()
	await(t, "the buyer in flight, in addition to the call that reads this", func() bool {
		_, metrics := get(t, url+"/metrics")
		return strings.Contains(metrics, "\nonsale_requests_in_flight 2\n")
	})
	if err := frozen.Pause(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = frozen.Continue() })
	// Connections can be in use for longer than storeLimit.
	if err := stop(); err != nil && err.Error() != "store did not stop within 3s" {
		t.Error(err)
	}
	if err := <-answer; !errors.Is(err, sale.ErrUnavailable) && !errors.Is(err, sale.ErrOutcomeUnknown) {
		t.Errorf("the buyer got %v", err)
	}
}

// TestAStartThatFailsReleasesTheDataDirectory, so that another process can use it.
func TestAStartThatFailsReleasesTheDataDirectory(t *testing.T) {
	t.Parallel()
	o, _ := options(t)
	up := monitored()
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

// trap is a log handler that panics on one message, in the goroutine that logs it. It passes
// on all others.
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

func (h trap) WithAttrs(attrs []slog.Attr) slog.Handler {
	return trap{h.Handler.WithAttrs(attrs), h.message}
}

func (h trap) WithGroup(name string) slog.Handler { return trap{h.Handler.WithGroup(name), h.message} }

// TestAPanicInAnOptionalPartDoesNotStopSales: the panic is in a goroutine that the part has
// started.
func TestAPanicInAnOptionalPartDoesNotStopSales(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message string            // a message that a goroutine of the part logs
		files   map[string]string // files that make it log that
		run     bool              // whether that needs a load test
	}{
		"crowd":     {"concert opened", nil, false},
		"load test": {"load test failed", map[string]string{"runs": "no directory"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, _ := options(t)
			up, log := monitored(), new(saying)
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
			if c.run {
				await(t, "a load test that starts", func() bool { // once the demo users have opened a concert
					status, _ := call(t, http.MethodPost, url+"/stress/runs", `{"users":1,"run_time":"1s"}`)
					return status == http.StatusCreated
				})
			}
			await(t, "the panic", func() bool { return strings.Contains(log.String(), "the log is broken") })

			concert, err := api.CreateConcert(t.Context(), sale.NewConcert{Title: "Still on", Date: "tonight", Venue: "Here", Capacity: 1})
			if err != nil {
				t.Fatal(err)
			}
			if outcome, err := api.Buy(t.Context(), client.BuyRequest{ConcertID: concert.ID, Email: "buyer@example.com", Quantity: 1}); err != nil {
				t.Errorf("the buyer got %+v, %v", outcome, err)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			if !strings.Contains(log.String(), "goroutine ") {
				t.Errorf("no stack was logged: %s", log)
			}
		})
	}
}
