package calls_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/pgtest"
	"onsale/internal/store/calls"
	"onsale/internal/store/transport"
	"onsale/internal/store/transport/transporttest"
)

func start(t *testing.T, url string, o calls.Options) *calls.Recorder {
	t.Helper()
	r, err := calls.Open(url, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// closeWithin closes the recorder, and returns how long that took.
func closeWithin(t *testing.T, r *calls.Recorder, limit time.Duration) (time.Duration, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	defer cancel()
	begin := time.Now()
	err := r.Close(ctx)
	return time.Since(begin), err
}

func oneCall(i int) calls.Call {
	return calls.Call{
		Time: time.Now(), User: "automate-1", Method: "POST", Path: fmt.Sprintf("/api/items/%d", i),
		Status: 201, Attempt: 1, Duration: 1500 * time.Microsecond,
	}
}

// query reads a single value.
func query[T any](t *testing.T, url, sql string, args ...any) (value T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

const countCalls = `SELECT count(*) FROM onsale.automate_calls`

func TestEveryCallIsARow(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	r := start(t, url, calls.Options{})
	at := time.Date(2027, 1, 2, 3, 4, 5, 6000, time.UTC)
	r.Record(calls.Call{
		Time: at, User: "Zoë", Method: "DELETE", Path: "/api/items/x", Status: 500, Error: "injected", Attempt: 2,
		Duration: 1234567 * time.Nanosecond,
	})
	for i := range 1999 {
		r.Record(oneCall(i))
	}
	if _, err := closeWithin(t, r, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if written, lost := r.Counts(); written != 2000 || lost != 0 {
		t.Errorf("%d written, %d lost", written, lost)
	}
	if n := query[int64](t, url, countCalls); n != 2000 {
		t.Errorf("%d rows", n)
	}
	got := query[string](t, url, `SELECT concat_ws('|', user_id, method, path, status, error, attempt, duration_ms, extract(epoch FROM time))
		FROM onsale.automate_calls WHERE error <> ''`)
	if want := fmt.Sprintf("Zoë|DELETE|/api/items/x|500|injected|2|1.234|%d.000006", at.Unix()); got != want {
		t.Errorf("row %s, want %s", got, want)
	}
	if n := query[int64](t, url, `SELECT count(DISTINCT run_id) FROM onsale.automate_calls`); n != 1 {
		t.Errorf("%d runs", n)
	}
}

func TestManyRecordersCreateTheTableAtOnce(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			r, err := calls.Open(url, calls.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := r.Start(t.Context()); err != nil {
				t.Error(err)
				return
			}
			r.Record(oneCall(i))
			if _, err := closeWithin(t, r, 10*time.Second); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := query[int64](t, url, countCalls); n != 16 {
		t.Errorf("%d rows, want 16", n)
	}
}

func TestARoleThatCanOnlyWriteIsEnough(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	first := start(t, url, calls.Options{})
	if _, err := closeWithin(t, first, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	// The role keeps only the privileges to connect, read and write.
	var name string
	if err := conn.QueryRow(t.Context(), `SELECT current_database()`).Scan(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `REVOKE ALL ON DATABASE `+name+` FROM PUBLIC, onsale;
		GRANT CONNECT ON DATABASE `+name+` TO onsale; GRANT USAGE ON SCHEMA onsale TO onsale;
		GRANT INSERT, SELECT ON onsale.automate_calls TO onsale`); err != nil {
		t.Fatal(err)
	}
	r := start(t, server.Server(t).WithPassword(url), calls.Options{})
	r.Record(oneCall(1))
	if _, err := closeWithin(t, r, 10*time.Second); err != nil {
		t.Error(err)
	}
	if n := query[int64](t, url, countCalls); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestDatabaseFailsAndRecovers(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	url := pg.Database(t)
	var log bytes.Buffer
	r := start(t, url, calls.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	total := 0
	record := func(n int) {
		for range n {
			r.Record(oneCall(total))
			total++
		}
	}
	record(100)
	for _, away := range []struct{ take, give func() error }{
		{func() error { return pg.Stop(pgtest.Fast) }, pg.Start},
		{pg.Kill, pg.Start},
	} {
		if err := away.take(); err != nil {
			t.Fatal(err)
		}
		record(100)
		time.Sleep(400 * time.Millisecond) // long enough for a failed attempt
		if err := away.give(); err != nil {
			t.Fatal(err)
		}
		record(100)
		time.Sleep(600 * time.Millisecond)
	}
	if _, err := closeWithin(t, r, 10*time.Second); err != nil {
		t.Errorf("close: %v", err)
	}
	if written, lost := r.Counts(); written != int64(total) || lost != 0 {
		t.Errorf("%d of %d written, %d lost", written, total, lost)
	}
	if n := query[int](t, url, countCalls); n != total {
		t.Errorf("%d rows, want %d: none twice, none missing", n, total)
	}
	if !strings.Contains(log.String(), "cannot record calls") {
		t.Errorf("log: %s", log.String())
	}
}

func TestUnreachableDatabaseDelaysNobody(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*pgtest.Server) error{
		"stopped": func(pg *pgtest.Server) error { return pg.Stop(pgtest.Immediate) },
		"frozen":  (*pgtest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pg := pgtest.Start(t)
			r := start(t, pg.Database(t), calls.Options{Room: 50})
			if err := take(pg); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			for i := range 1000 {
				r.Record(oneCall(i))
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("a thousand calls took %s to record", took)
			}
			took, err := closeWithin(t, r, time.Second)
			if took > 3*time.Second {
				t.Errorf("closing took %s, want at most 3 s", took)
			}
			if err == nil {
				t.Error("closed without an error")
			}
			if written, lost := r.Counts(); written != 0 || lost != 1000 {
				t.Errorf("%d written, %d lost", written, lost)
			}
		})
	}
}

func TestOnlyCallsThatPostgresRejectsAreLost(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	r := start(t, url, calls.Options{})
	bad := oneCall(1)
	bad.User = "a\x00b"
	r.Record(bad)
	time.Sleep(500 * time.Millisecond) // until its batch was tried
	r.Record(oneCall(2))
	if _, err := closeWithin(t, r, 10*time.Second); err == nil {
		t.Error("closed without an error")
	}
	if written, lost := r.Counts(); written != 1 || lost != 1 {
		t.Errorf("%d written, %d lost", written, lost)
	}
}

const secret = "s3cr3t"

func TestWrongPasswordIsAnErrorWithoutThePassword(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(server.Server(t).WithPassword(server.Database(t)))
	if err != nil {
		t.Fatal(err)
	}
	wrong := fmt.Sprintf("postgres://%s:%s@%s:%d/%s", config.User, secret, config.Host, config.Port, config.Database)
	r, err := calls.Open(wrong, calls.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = r.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "password authentication failed") {
		t.Errorf("wrong password: %v", err)
	}
	if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n")) {
		t.Errorf("error %q, want one line without the password", err)
	}
}

// TestURLOfAnotherProgram records with a URL in SQLAlchemy's form. The log names the
// settings that are ignored.
func TestURLOfAnotherProgram(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	var log bytes.Buffer
	r := start(t, strings.Replace(url, "postgres://", "postgresql+asyncpg://", 1)+"&keepalives=1&gssencmode=prefer\r\n",
		calls.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r.Record(oneCall(1))
	if _, err := closeWithin(t, r, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if n := query[int64](t, url, countCalls); n != 1 || !strings.Contains(log.String(), `settings="gssencmode keepalives"`) {
		t.Errorf("%d rows, log %s", n, &log)
	}
}

func TestInvalidURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "mysql://u:" + secret + "@h/d", "user=u password=" + secret, "postgres://u:" + secret + "%41%zz@h/d",
		"postgres://u:" + secret + "@h:port/d", "postgres://u:p@" + secret + "/x@h", "postgres://", "postgres://u:" + secret + "@h/d?sslmode=perhaps",
	} {
		_, err := calls.Open(url, calls.Options{})
		if err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestDatabaseUnreachableAtTheStart(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	url := pg.Database(t)
	if err := pg.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	r := start(t, url, calls.Options{})
	r.Record(oneCall(1))
	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := closeWithin(t, r, 10*time.Second); err != nil {
		t.Error(err)
	}
	if n := query[int](t, url, countCalls); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// TestPasswordIsNotSentInPlainText records in a database at a public address without
// TLS. Start returns an error, and the password is not sent.
func TestPasswordIsNotSentInPlainText(t *testing.T) {
	t.Parallel()
	r, err := calls.Open("postgres://ada:s3cr3t@db.example.com/sale", calls.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := transporttest.Start(t)
	server.Pretend(r.Config(), "203.0.113.7")
	if err := r.Start(t.Context()); !errors.Is(err, transport.ErrNoTLS) || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("start: %v, want an error about missing TLS", err)
	}
	if received := server.Received(); received != "" {
		t.Errorf("the server read %q", received)
	}
}
