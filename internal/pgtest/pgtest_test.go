package pgtest_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/goleak"

	"onsale/internal/pgtest"
)

var cluster pgtest.Shared

func TestMain(m *testing.M) { goleak.VerifyTestMain(cluster.Main(m)) }

func TestDatabasesAreFreshAndApart(t *testing.T) {
	t.Parallel()
	first, second := cluster.Database(t), cluster.Database(t)
	query(t, first, "CREATE TABLE seats (n int)")
	query(t, second, "CREATE TABLE seats (n int)")
	if got := query(t, first, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()"); got != "UTF8" {
		t.Errorf("encoding %q, want UTF8", got)
	}
	if got := query(t, first, "SHOW fsync"); got != "on" {
		t.Errorf("fsync %q, want on", got)
	}
}

func TestDatabaseIsDroppedWithItsConnections(t *testing.T) {
	t.Parallel()
	var database string
	var left *pgx.Conn
	t.Run("use", func(t *testing.T) {
		database = cluster.Database(t)
		left = connect(t, database)
	})
	if err := left.Ping(t.Context()); err == nil {
		t.Error("the connection outlived its database")
	}
	if got := code(try(t, database)); got != "3D000" {
		t.Errorf("connecting to the dropped database fails with %q, want 3D000", got)
	}
}

func TestOwnerNeedsThePassword(t *testing.T) {
	t.Parallel()
	database := cluster.Database(t)
	good := cluster.Server(t).WithPassword(database)
	query(t, good, "CREATE SCHEMA box_office") // it owns the database
	if got := query(t, good, "SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user"); got != "false" {
		t.Errorf("the owner's rolsuper is %q, want false", got)
	}

	bad, err := url.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	bad.User = url.UserPassword(pgtest.Owner, "wrong")
	if got := code(try(t, bad.String())); got != "28P01" {
		t.Errorf("a wrong password fails with %q, want 28P01", got)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t, "lock_timeout=321ms")
	if got := query(t, server.Database(t), "SHOW lock_timeout"); got != "321ms" {
		t.Errorf("lock_timeout %q, want 321ms", got)
	}
}

func TestStopKillAndStart(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	database := server.Database(t)
	query(t, database, "CREATE TABLE seats (n int)")
	for _, end := range []struct {
		name string
		do   func() error
	}{
		{"stop fast", func() error { return server.Stop(pgtest.Fast) }},
		{"stop immediately", func() error { return server.Stop(pgtest.Immediate) }},
		{"kill", server.Kill},
		{"kill frozen", func() error { return errors.Join(server.Pause(), server.Kill()) }},
		{"stop frozen", func() error { return errors.Join(server.Pause(), server.Stop(pgtest.Fast)) }},
	} {
		left := connect(t, database)
		query(t, database, "INSERT INTO seats VALUES (1)")
		if err := end.do(); err != nil {
			t.Fatalf("%s: %v", end.name, err)
		}
		if err := left.Ping(t.Context()); err == nil {
			t.Errorf("%s: an open connection still answers", end.name)
		}
		if err := try(t, database); err == nil {
			t.Errorf("%s: the server still answers", end.name)
		}
		if err := server.Start(); err != nil {
			t.Fatalf("start after %s: %v", end.name, err)
		}
	}
	if got := query(t, database, "SELECT count(*)::text FROM seats"); got != "5" {
		t.Errorf("%s committed rows are left, want 5", got)
	}
}

func TestPauseAndContinue(t *testing.T) {
	t.Parallel()
	server := pgtest.Start(t)
	conn := connect(t, server.Database(t))
	if err := server.Pause(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() { answered <- conn.Ping(t.Context()) }()
	select {
	case err := <-answered:
		t.Fatalf("a frozen server answered: %v", err)
	case <-time.After(300 * time.Millisecond): // a ping takes less than a millisecond
	}
	if err := server.Continue(); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the connection did not survive the pause: %v", err)
	}
}

// connect opens a connection that is closed at the end of the test.
func connect(t *testing.T, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // the server can have ended
	})
	return conn
}

// query runs one statement on a new connection and returns the text of its last row, if
// any.
func query(t *testing.T, database, statement string) string {
	t.Helper()
	rows, err := connect(t, database).Query(t.Context(), statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	defer rows.Close()
	var text string
	for rows.Next() {
		if err := rows.Scan(&text); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return text
}

// try connects and returns the error.
func try(t *testing.T, database string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		return err
	}
	return conn.Close(t.Context())
}

// code returns the SQLSTATE of an error.
func code(err error) string {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer.Code
	}
	return ""
}
