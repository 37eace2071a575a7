package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"onsale/internal/pgtest"
)

// secret is a password that must not appear in any output.
const secret = "s3cr3t-of-the-test"

// oneLine checks that a process wrote its error in one line without the password, and returns
// the line.
func oneLine(t *testing.T, p *process) string {
	t.Helper()
	text := p.stderr.String()
	if strings.Contains(text, secret) {
		t.Errorf("the password was written: %s", text)
	}
	if !strings.HasPrefix(text, "onsale: ") || strings.Count(text, "\n") != 1 {
		t.Fatalf("want one line that begins with onsale:, got:\n%s", text)
	}
	return text
}

func TestDatabaseURLThatCannotWorkEndsWithOneLine(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	for name, c := range map[string]struct{ url, say string }{
		"empty":            {"", "set but empty"},
		"unknown scheme":   {"mysql://root:" + secret + "@localhost/db", "postgres://"},
		"no scheme":        {"localhost:5432/" + secret, "postgres://"},
		"no place":         {"user=u password=" + secret, "the host is missing"},
		"bad escape":       {"postgres://u:" + secret + "%41%zz@localhost/db", "the password has a raw '%'"},
		"bad port":         {"postgres://u:" + secret + "@localhost:port/db", "must look like"},
		"slash unescaped":  {"postgres://u:p@" + secret + "/x@localhost", "must look like"},
		"bad setting":      {"postgres://u:" + secret + "@localhost/db?sslmode=perhaps", "sslmode"},
		"no host":          {"postgres://", "must look like"},
		"wrong password":   {withUser(t, url, secret), "password authentication failed"},
		"unknown database": {strings.Replace(url, "?", "_not_there?", 1), "does not exist"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, database(c.url), "serve", "--listen", "127.0.0.1:0")
			if code := p.code(); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if line := oneLine(t, p); !strings.Contains(line, c.say) {
				t.Errorf("said %q, want something with %q", line, c.say)
			}
		})
	}
}

// withUser returns the URL with a role that needs a password, and with this password.
func withUser(t *testing.T, url, password string) string {
	t.Helper()
	config, err := pgx.ParseConfig(server.Server(t).WithPassword(url))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://%s:%s@%s:%d/%s", config.User, password, config.Host, config.Port, config.Database)
}

func TestNoOutputShowsThePassword(t *testing.T) {
	t.Parallel()
	url := server.Server(t).WithPassword(server.Database(t))
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	p := serve(t, database(url), "--log-level", "debug")
	c := newClient()
	for _, path := range []string{"/metrics", "/faults", "/books", "/concerts", "/openapi.json", "/docs", "/ready"} {
		status, body := call(t.Context(), c, http.MethodGet, p.url()+path, "")
		if status != http.StatusOK {
			t.Errorf("%s answered %d", path, status)
		}
		if strings.Contains(string(body), config.Password) {
			t.Errorf("%s shows the password", path)
		}
	}
	if strings.Contains(p.stderr.String(), config.Password) {
		t.Error("the log shows the password")
	}
}

func TestTakenPortNamesTheFlag(t *testing.T) {
	t.Parallel()
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := launch(t, nil, "serve", "--listen", taken.Addr().String(), dataDir(t))
	if code := p.code(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if line := oneLine(t, p); !strings.Contains(line, "--listen") || !strings.Contains(line, "in use") {
		t.Errorf("said %q, want the flag and the reason", line)
	}
}

func TestWrongFlagsEndWithOneLineAndTwo(t *testing.T) {
	t.Parallel()
	plan := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(plan, []byte(`{"routes":{"/buy/{concert_id}":{"deny":2}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(short, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		say  string
	}{
		"unknown flag":       {[]string{"serve", "--lisen", "x"}, "--lisen"},
		"unknown letter":     {[]string{"serve", "-q"}, "unknown flag -q (see onsale serve --help)"},
		"Locust's file":      {[]string{"stress", "-f", "locustfile.py"}, "--scenario"},
		"Locust's file, URL": {[]string{"stress", "locustfile.py"}, "--scenario"},
		"k6's script":        {[]string{"stress", "--scenario", "script.js"}, "docs/stress-scenario.md"},
		"scenario for a URL": {[]string{"stress", "shop.yaml"}, "--scenario shop.yaml"},
		"k6's users":         {[]string{"stress", "--vus", "10"}, "--users"},
		"k6's, run":          {[]string{"stress", "run", "--vus", "10"}, "use -u, --users (see onsale stress"},
		"wrk's connections":  {[]string{"stress", "http://h/", "-c", "10"}, "--users"},
		"hey's time":         {[]string{"stress", "http://h/", "-z", "10s"}, "--run-time"},
		"version":            {[]string{"-v"}, "--version"},
		"port":               {[]string{"up", "--port", "80"}, "--listen"},
		"database":           {[]string{"migrate", "--dsn", "postgres://u:" + secret + "@h/d"}, "DATABASE_URL"},
		"unknown command":    {[]string{"sell"}, "sell"},
		"URL for a number":   {[]string{"serve", "--max-batch", "http://u:" + secret + "@h"}, "--max-batch"},
		"URL too many":       {[]string{"stress", "run", "http://h", "http://u:" + secret + "@h"}, "unexpected argument"},
		"target's password":  {[]string{"monitor", "--target", "http://u:" + secret + "@h:p"}, "--target"},
		"target's query":     {[]string{"monitor", "--target", "http://h/metrics?x=%zz&token=" + secret}, "--target"},
		"target's port":      {[]string{"monitor", "--target", "foo"}, "HOST:PORT"},
		"no target":          {[]string{"monitor"}, "--target"},
		"external password":  {[]string{"up", "--external-url", "http://u:" + secret + "@h"}, "--external-url"},
		"no number":          {[]string{"serve", "--max-batch", "many"}, "--max-batch"},
		"out of range":       {[]string{"serve", "--max-batch", "0"}, "--max-batch"},
		"no address":         {[]string{"serve", "--listen", "8000"}, "--listen"},
		"short interval":     {[]string{"serve", "--books-interval", "1ms"}, "--books-interval"},
		"no such plan":       {[]string{"serve", "--faults", "chaos"}, "--faults"},
		"bad plan":           {[]string{"serve", "--faults", plan}, "deny"},
		"missing token file": {[]string{"serve", "--admin-token-file", "/does/not/exist"}, "--admin-token-file"},
		"short token file":   {[]string{"serve", "--admin-token-file", short}, "at least 16 bytes"},
		"no host, serve":     {[]string{"serve", "--allowed-hosts", "a.example,http://b.example"}, "--allowed-hosts"},
		"no host, up":        {[]string{"up", "--allowed-hosts", "b.example:80"}, "--allowed-hosts"},
		"no host, monitor":   {[]string{"monitor", "--target", "127.0.0.1:1", "--allowed-hosts", "*"}, "--allowed-hosts"},
		"webhook's place":    {[]string{"receiver", "--port", "9095"}, "--listen"},
		"receiver's URL":     {[]string{"export", "alertmanager", "--receiver", "http://u:" + secret + "@h"}, "--receiver"},
		"receiver's token":   {[]string{"export", "grafana", "-o", "x", "--receiver-token-file", "f"}, "--receiver"},
		"no host, stress":    {[]string{"stress", "-u", "1", "--allowed-hosts", "b.example/"}, "--allowed-hosts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, nil, c.args...)
			if code := p.code(); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			if line := oneLine(t, p); !strings.Contains(line, c.say) {
				t.Errorf("said %q, want something with %q", line, c.say)
			}
		})
	}
}

func TestEnvironmentSetsFlags(t *testing.T) {
	t.Parallel()
	p := launch(t, []string{"ONSALE_MAX_BATCH=0"}, "serve")
	if code := p.code(); code != 2 || !strings.Contains(p.stderr.String(), "--max-batch") {
		t.Errorf("exit code %d, said %s", code, p.stderr)
	}
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}, {"migrate", "--help"}, {"version"}, {"--version"}, {"-V"}, {"help"}, {"help", "serve"}} {
		p := launch(t, nil, args...)
		if code := p.code(); code != 0 || p.stderr.String() == "" {
			t.Errorf("%v: exit code %d, said %q", args, code, p.stderr)
		}
	}
}

func TestServerStartsBeforeItsDatabase(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	url := pg.Database(t)
	if err := pg.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	p := launch(t, database(url), "serve", "--listen", "127.0.0.1:0")
	p.waitFor("waiting for the database")
	c := newClient()
	for path, want := range map[string]int{"/health": 200, "/ready": 503, "/metrics": 200, "/concerts": 503, "/concerts/1": 503} {
		if status, body := call(t.Context(), c, http.MethodGet, p.url()+path, ""); status != want {
			t.Errorf("%s answered %d %s, want %d", path, status, body, want)
		}
	}
	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	p.waitFor("ready on ")
	if status, body := call(t.Context(), c, http.MethodGet, p.url()+"/ready", ""); status != 200 {
		t.Errorf("/ready answered %d %s after the database came", status, body)
	}
}

func TestServerWithoutTLSIsNoReasonToWait(t *testing.T) {
	t.Parallel()
	url := strings.Replace(server.Database(t), "sslmode=disable", "sslmode=require", 1)
	p := launch(t, database(url), "serve", "--listen", "127.0.0.1:0")
	if code := p.code(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if line := oneLine(t, p); !strings.Contains(line, "TLS") {
		t.Errorf("said %q, want something on TLS", line)
	}
}

func TestUnknownHostIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := launch(t, database("postgres://u:"+secret+"@no-such-host.invalid/db"), "serve", "--listen", "127.0.0.1:0")
	if line := p.waitFor("onsale: listening.*"); strings.Contains(line, secret) {
		t.Errorf("the password was written: %s", line)
	}
	if code := p.terminate(); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
}

func TestMigrateAsACommand(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	p := launch(t, database(url), "serve", "--listen", "127.0.0.1:0", "--no-migrate")
	if line := p.waitFor("waiting for the database.*"); !strings.Contains(line, "onsale migrate") {
		t.Errorf("said %q, want the command to run", line)
	}
	if m := launch(t, database(url), "migrate"); m.code() != 0 {
		t.Errorf("migrate said %s", m.stderr)
	}
	p.waitFor("ready on ")
}

// TestMigrationOfAnotherReplica starts servers and a command while another replica migrates.
// They report that they wait, and stop on a signal. One server starts after the migration.
func TestMigrationOfAnotherReplica(t *testing.T) {
	t.Parallel()
	const turn = "waiting for another process to finish its migration"
	url := server.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_lock(x'6f6e73616c650001'::bigint)`); err != nil {
		t.Fatal(err)
	}
	ended := launch(t, database(url), "serve", "--listen", "127.0.0.1:0")
	command := launch(t, database(url), "migrate")
	patient := launch(t, database(url), "serve", "--listen", "127.0.0.1:0")
	for _, p := range []*process{ended, command, patient} {
		p.waitFor(turn)
	}
	if code := ended.terminate(); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
	if code := command.terminate(); code != 1 {
		t.Errorf("exit code %d of a migration that was stopped, want 1", code)
	}
	if _, err := conn.Exec(t.Context(), `SELECT pg_advisory_unlock_all()`); err != nil {
		t.Fatal(err)
	}
	patient.waitFor("ready on ")
}

func TestTenReplicasStartAtOnce(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	var replicas []*process
	for range 10 {
		replicas = append(replicas, launch(t, database(url), "serve", "--listen", "127.0.0.1:0", "--database-connections", "5"))
	}
	for _, p := range replicas {
		p.waitFor("ready on ")
	}
}

// TestEarlierServiceIsLeftAlone: Onsale does not change the tables of the service that it
// replaces.
func TestEarlierServiceIsLeftAlone(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`CREATE TABLE public.concerts (id serial PRIMARY KEY, title varchar, date varchar, venue varchar, number_of_tickets integer)`)
	exec(`CREATE TABLE public.tickets (id serial PRIMARY KEY, concert_id integer REFERENCES public.concerts, user_email varchar, quantity integer)`)
	exec(`INSERT INTO public.concerts (title, date, venue, number_of_tickets) VALUES ('old', '2020', 'there', 5)`)
	exec(`INSERT INTO public.tickets (concert_id, user_email, quantity) VALUES (1, 'old@example.com', -5)`)

	p := serve(t, database(url), "--faults", "off")
	rush := newRush(t, p.url(), 10)
	rush.buy(t.Context(), 5, 1)
	p.terminate()

	var tables, concerts, tickets int
	var sold int
	err = conn.QueryRow(t.Context(), `SELECT
		(SELECT count(*) FROM pg_tables WHERE schemaname = 'public'),
		(SELECT count(*) FROM public.concerts WHERE title = 'old'),
		(SELECT count(*) FROM public.tickets WHERE quantity = -5),
		(SELECT sold FROM onsale.concerts)`).Scan(&tables, &concerts, &tickets, &sold)
	if err != nil {
		t.Fatal(err)
	}
	if tables != 2 || concerts != 1 || tickets != 1 || sold != 5 {
		t.Errorf("public has %d tables, %d concerts, %d tickets; onsale sold %d", tables, concerts, tickets, sold)
	}
}
