package wire_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"onsale/internal/stress/wire"
)

// asServer makes the test binary a server, so that its allocations are not counted as
// the client's.
const asServer = "ONSALE_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asServer) != "":
		serveForever()
	case os.Getenv(asPoor) != "":
		beWithoutFiles(os.Getenv(asPoor))
	default:
		goleak.VerifyTestMain(m)
	}
}

// serveForever answers until it is killed: /long with a long chunked body, anything
// else with a short one.
func serveForever() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	long := strings.Repeat("0123456789", 5_000)
	panic(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			_, _ = w.Write([]byte(long))
			return
		}
		_, _ = w.Write([]byte("sold"))
	})))
}

// child starts this binary again in a role that a variable selects, and returns the
// first line that it prints.
func child(tb testing.TB, variable string) string {
	tb.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var line string
	if _, err := fmt.Fscanln(out, &line); err != nil {
		tb.Fatal(err)
	}
	return line
}

// parse parses a valid target.
func parse(tb testing.TB, text string) *wire.Target {
	tb.Helper()
	target, err := wire.ParseTarget(text)
	if err != nil {
		tb.Fatal(err)
	}
	return target
}

// client returns a client that is closed at the end of the test, and waits longer than
// any test takes.
func client(tb testing.TB, target *wire.Target, o wire.Options) *wire.Client {
	tb.Helper()
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	c := wire.New(target, o)
	tb.Cleanup(c.Close)
	return c
}

func get(path string) *wire.Request { return &wire.Request{Method: "GET", Path: path} }

func post(path, body string) *wire.Request {
	return &wire.Request{Method: "POST", Path: path, Body: []byte(body)}
}

// answered sends a request that must be answered with a status and a body.
func answered(tb testing.TB, c *wire.Client, r *wire.Request, status int, body string) *wire.Response {
	tb.Helper()
	got, err := c.Do(tb.Context(), r)
	if err != nil {
		tb.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	if got.Status != status || string(got.Body) != body {
		tb.Fatalf("%s %s = %d %q, want %d %q", r.Method, r.Path, got.Status, got.Body, status, body)
	}
	return got
}

// failure is the error of a request: its text, and the time that the client reports.
type failure struct {
	text string
	took time.Duration
}

// failed sends a request that must fail in one way.
func failed(tb testing.TB, c *wire.Client, r *wire.Request, want wire.Kind) failure {
	tb.Helper()
	got, err := c.Do(tb.Context(), r)
	if err == nil {
		tb.Fatalf("%s %s = %d %.99q, want an error of kind %s", r.Method, r.Path, got.Status, got.Body, want)
	}
	if kind := wire.KindOf(err); kind != want {
		tb.Fatalf("%s %s: kind %s (%v), want %s", r.Method, r.Path, kind, err, want)
	}
	e, is := errors.AsType[*wire.Error](err)
	if !is {
		tb.Fatalf("%s %s: %T is not an error of this package", r.Method, r.Path, err)
	}
	return failure{e.Error(), e.Took}
}
