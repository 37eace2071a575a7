package app_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/app"
	"onsale/internal/app/apptest"
	"onsale/internal/fault"
	"onsale/internal/pgtest"
)

// said collects the output of a server.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// respond repeats a call until the status is as wanted, and returns the body.
func respond(t *testing.T, method, url string, want int) string {
	t.Helper()
	body := ""
	if method == http.MethodPost {
		body = `{"user_email":"a@example.com","quantity":1}`
	}
	c := &http.Client{Transport: new(http.Transport)}
	defer c.CloseIdleConnections()
	for deadline := time.Now().Add(30 * time.Second); ; {
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		answer, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode == want {
			return string(got)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s answers %d %s, want %d", url, answer.StatusCode, got, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestReadyMeansThatItSells starts on a hot standby, promotes it, and then revokes a
// privilege. The answers must give the reason, without details for the operator.
func TestReadyMeansThatItSells(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Start(t)
	owner := cluster.Database(t)
	o := app.DefaultOptions()
	o.DatabaseURL, o.DatabaseURLSet = owner, true
	if err := app.Migrate(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	run := func(statement string) {
		t.Helper()
		conn, err := pgx.Connect(t.Context(), owner)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	role, name := cluster.Role(t, owner, "")
	run(`INSERT INTO onsale.concerts (title, date, venue, capacity, created_at) VALUES ('T', 'D', 'V', 100, now())`)
	run(`GRANT USAGE ON SCHEMA onsale TO ` + name)
	run(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA onsale TO ` + name)
	if err := cluster.Demote(); err != nil {
		t.Fatal(err)
	}
	off := fault.Off()
	var out said
	url := apptest.Start(t, func(o *app.Options) {
		o.DatabaseURL, o.DatabaseURLSet, o.Faults, o.Out = role, true, &off, &out
	})
	blocked := func(reason string) {
		t.Helper()
		for _, call := range [][]string{{"GET", "/ready"}, {"POST", "/buy/1"}, {"GET", "/ready"}} {
			var body string
			for deadline := time.Now().Add(30 * time.Second); !strings.Contains(body, reason) && time.Now().Before(deadline); {
				body = respond(t, call[0], url+call[1], http.StatusServiceUnavailable)
			}
			if !strings.Contains(body, `"code":"unavailable"`) || !strings.Contains(body, reason) ||
				strings.Contains(body, name) || strings.Contains(body, "GRANT") || strings.Contains(body, "127.0.0.1") {
				t.Errorf("%s answers %s, want the reason without details for the operator", call[1], body)
			}
		}
	}
	blocked("The database is read-only.")
	if says := out.String(); strings.Count(says, "waiting for the database") != 1 || strings.Contains(says, "ready on") {
		t.Errorf("the output is %s, want one line on what the server waits for", says)
	}
	run(`SELECT pg_promote()`)
	respond(t, "GET", url+"/ready", http.StatusOK)
	respond(t, "POST", url+"/buy/1", http.StatusOK)

	run(`REVOKE INSERT ON onsale.purchases FROM ` + name)
	blocked("lacks a privilege.")
	respond(t, "GET", url+"/concerts", http.StatusOK)
	respond(t, "GET", url+"/health", http.StatusOK)
	run(`GRANT INSERT ON onsale.purchases TO ` + name)
	respond(t, "GET", url+"/ready", http.StatusOK)
	respond(t, "POST", url+"/buy/1", http.StatusOK)
}

// TestMissingPrivilegeEndsTheStart: the error must have the statement that grants the privilege.
func TestMissingPrivilegeEndsTheStart(t *testing.T) {
	t.Parallel()
	url, name := database.Server(t).Role(t, database.Database(t), "")
	o := app.DefaultOptions()
	o.Listen, o.DataDir, o.DatabaseURL, o.DatabaseURLSet = "127.0.0.1:0", t.TempDir(), url, true
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{"serve": a.Run(t.Context()), "migrate": app.Migrate(t.Context(), o)} {
		if err == nil || !strings.Contains(err.Error(), "GRANT CREATE ON DATABASE ") || !strings.Contains(err.Error(), " TO "+name) {
			t.Errorf("%s: %v, want the statement", what, err)
		}
	}
}
