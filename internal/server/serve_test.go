package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"onsale/internal/fault"
	"onsale/internal/sale"
	"onsale/internal/server"
)

func TestUnknownPath(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{
		"/nothing", "/nothing/", "/concerts%2F", "/buy", "/buy/", "/buy/1/2", "/buy/1/2/", "/docs/", "/docs/oauth2-redirect.html",
		"/openapi", "/openapi.json/", "/api/v2/nothing", "/.env", "/concerts/1%2F2/x",
	} {
		for _, method := range []string{"GET", "POST", "DELETE", "PATCH", "PROPFIND"} {
			wantProblem(t, r.do(method, path, ""), 404, "not_found")
		}
	}
	if got := r.series(t, "http_requests_total", "endpoint=unmatched", "method=GET", "status=404"); got != 14 {
		t.Errorf("%v unknown paths are counted as unmatched, want 14", got)
	}
}

func TestMethodNotAllowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/buy/1", "POST"},
		{"PUT", "/buy_random_deny/1", "POST"},
		{"POST", "/concerts", "GET, HEAD"},
		{"DELETE", "/concerts", "GET, HEAD"},
		{"PUT", "/concerts/new", "GET, HEAD, POST"},
		{"POST", "/purchases/1", "DELETE, GET, HEAD"},
		{"POST", "/faults", "GET, HEAD, PATCH, PUT"},
		{"OPTIONS", "/concerts", "GET, HEAD"},
		{"PROPFIND", "/health", "GET, HEAD"},
	} {
		w := r.do(c.method, c.path, "")
		wantProblem(t, w, 405, "method_not_allowed")
		wantHeader(t, w, "Allow", c.allow)
	}
}

// HEAD works on every path with GET, and sends no body over a real connection.
func TestHead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 1)
	s := httptest.NewServer(r.handler)
	defer s.Close()
	for _, path := range []string{"/concerts", "/concerts/1", "/health", "/ready", "/metrics", "/books", "/faults", "/docs", "/openapi.json"} {
		res, err := s.Client().Head(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if res.StatusCode != http.StatusOK || len(body) != 0 || err != nil {
			t.Errorf("%s: %d, %d bytes, %v", path, res.StatusCode, len(body), err)
		}
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The root redirects to the documentation if no home page is mounted.
func TestRoot(t *testing.T) {
	t.Parallel()
	w := newRig(t).do("GET", "/", "")
	if w.Code != http.StatusFound {
		t.Errorf("status %d", w.Code)
	}
	wantHeader(t, w, "Location", "/docs")
}

func TestReady(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if w := r.do("GET", "/ready", ""); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	r.mu.Lock()
	r.away = true
	r.mu.Unlock()
	w := r.do("GET", "/ready", "")
	wantProblem(t, w, 503, "unavailable")
	wantHeader(t, w, "Retry-After", "1")
	if !strings.Contains(w.Body.String(), "The database does not answer.") {
		t.Errorf("answered %s", w.Body)
	}
	r.mu.Lock()
	r.obstacle = &sale.ObstacleError{Reason: "the database is read-only", Remedy: "ask the admin", Err: errors.New("host 10.0.0.7")}
	r.mu.Unlock()
	for _, call := range [][]string{{"GET", "/ready", ""}, {"POST", "/buy/1", `{"user_email":"a@example.com","quantity":1}`}} {
		w := r.do(call[0], call[1], call[2])
		wantProblem(t, w, 503, "unavailable")
		wantHeader(t, w, "Retry-After", "1")
		if said := w.Body.String(); !strings.Contains(said, "The database is read-only. Nothing was changed") ||
			strings.Contains(said, "does not answer") || strings.Contains(said, "admin") || strings.Contains(said, "10.0") {
			t.Errorf("%s answered %s, want the reason without details for the operator", call[1], said)
		}
	}
	if _, err := r.faults.Set(t.Context(), fault.Plan{NotReady: fault.Switch{On: true}}); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, r.do("GET", "/ready", ""), 503, "not_ready")
	r.server.Drain()
	wantProblem(t, r.do("GET", "/ready", ""), 503, "stopping")
	want(t, r.do("GET", "/health", ""), 200, "") // still running
}

// TestObstacleOfOtherCalls has a database that lacks a privilege needed only by calls
// other than purchases. Callers get the reason, and it is logged once.
func TestObstacleOfOtherCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hook(func(context.Context, string) error {
		return fmt.Errorf("write: %w", &sale.ObstacleError{Reason: "the role lacks a privilege", Err: errors.New("on onsale.concerts")})
	})
	for range 3 {
		w := r.do("POST", "/concerts/new", `{"title":"T","date":"D","venue":"V","number_of_tickets":1}`)
		wantProblem(t, w, 503, "unavailable")
		if !strings.Contains(w.Body.String(), "The role lacks a privilege.") || strings.Contains(w.Body.String(), "onsale.concerts") {
			t.Errorf("answered %s", w.Body)
		}
	}
	if n := strings.Count(r.log.String(), "call cannot be answered"); n != 1 || !strings.Contains(r.log.String(), "on onsale.concerts") {
		t.Errorf("logged %d times, want once and in full:\n%s", n, r.log.String())
	}
	wantProblem(t, r.do("GET", "/concerts", ""), 503, "unavailable")
}

// A panic of a handler is answered 500; its details are logged and not sent.
func TestPanic(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hook(func(context.Context, string) error { panic("password=hunter2") })
	w := r.do("GET", "/concerts", "")
	wantProblem(t, w, 503, "unavailable") // a panic in a refresh, which is not a handler
	r.hook(func(_ context.Context, call string) error {
		if call == "Buy" {
			panic("password=hunter3")
		}
		return nil
	})
	w = r.do("POST", "/buy/1", `{"user_email":"a@example.com","quantity":1}`)
	wantProblem(t, w, 500, "internal")
	if strings.Contains(w.Body.String(), "hunter") {
		t.Errorf("the answer has a secret: %s", w.Body)
	}
	if log := r.log.String(); strings.Count(log, "hunter2") != 1 || strings.Count(log, "hunter3") != 1 || !strings.Contains(log, "memory_test.go") {
		t.Errorf("log: %s", log)
	}
	if got := r.series(t, "onsale_purchases_total", "outcome=failed"); got != 1 {
		t.Errorf("counted %v times", got)
	}
}

// An unexpected error is answered 500; its details are logged and not sent.
func TestInternalError(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.hook(func(context.Context, string) error { return errors.New("password=hunter2") })
	w := r.do("GET", "/concerts/1", "")
	wantProblem(t, w, 500, "internal")
	if strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("the answer has a secret: %s", w.Body)
	}
	if log := r.log.String(); strings.Count(log, "hunter2") != 1 || !strings.Contains(log, "GET /concerts/{id}") {
		t.Errorf("log: %s", log)
	}
}

// The client sees a reset over a real connection, and the call counts as 500.
func TestReset(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 10)
	r.faults.route = func(context.Context, string) error { return fault.ErrReset }
	s := httptest.NewServer(r.handler)
	defer s.Close()
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/buy/1", `{"user_email":"a@example.com","quantity":1}`},
		{"GET", "/concerts", ""},
	} {
		answer, err := raw(t, s.Listener.Addr().String(), fmt.Sprintf("%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", c.method, c.path, len(c.body), c.body))
		if answer != "" || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the client gets %q, %v, want a reset", c.path, answer, err)
		}
	}
	if len(r.orders()) != 0 {
		t.Error("the order was sold")
	}
	s.Close() // waits until the requests are counted
	if got := r.series(t, "http_requests_total", "endpoint=/buy/{concert_id}", "status=500"); got != 1 {
		t.Errorf("counted %v times", got)
	}
	if got := r.series(t, "onsale_purchases_total", "outcome=failed"); got != 1 {
		t.Errorf("counted %v times as failed", got)
	}
}

// Over TLS the TCP connection is reset. Over HTTP/2, which shares a connection between
// requests, only the stream is reset.
func TestResetOverTLS(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		r := newRig(t)
		r.faults.route = func(context.Context, string) error { return fault.ErrReset }
		s := httptest.NewUnstartedServer(r.handler)
		s.EnableHTTP2 = http2
		s.StartTLS()
		res, err := s.Client().Get(s.URL + "/concerts/1")
		if err == nil {
			_ = res.Body.Close()
			t.Fatalf("HTTP/2 %t: status %d", http2, res.StatusCode)
		}
		if reset := errors.Is(err, syscall.ECONNRESET) || strings.Contains(err.Error(), "stream error"); !reset {
			t.Errorf("HTTP/2 %t: the client gets %v", http2, err)
		}
		s.Close()
		if got := r.series(t, "http_requests_total", "endpoint=/concerts/{id}", "status=500"); got != 1 {
			t.Errorf("HTTP/2 %t: counted %v times", http2, got)
		}
	}
}

// After a panic in the middle of an answer, the connection is aborted, so that the client
// notices that the answer is incomplete.
func TestPanicInMidAnswer(t *testing.T) {
	t.Parallel()
	for _, cause := range []any{"surprise", http.ErrAbortHandler} {
		r := newRig(t, func(o *server.Options) {
			o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "half an ans")
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
				panic(cause)
			})
		})
		s := httptest.NewServer(r.handler)
		res, err := s.Client().Get(s.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("the client read %q without an error", body)
		}
		_ = res.Body.Close()
		s.Close()
		if told := strings.Contains(r.log.String(), "surprise"); told != (cause == "surprise") {
			t.Errorf("log: %s", r.log)
		}
	}
}

// A client that closes its side in the middle of the body gets 400.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := httptest.NewServer(r.handler)
	defer s.Close()
	for _, rest := range []string{
		"Content-Length: 100\r\n\r\n{\"user_email\"",
		"Transfer-Encoding: chunked\r\n\r\n5\r\n{\"use\r\n",
		"Transfer-Encoding: chunked\r\n\r\nno chunk\r\n",
	} {
		answer, err := raw(t, s.Listener.Addr().String(), "POST /buy/1 HTTP/1.1\r\nHost: localhost\r\n"+rest)
		if !strings.HasPrefix(answer, "HTTP/1.1 400 ") || !strings.Contains(answer, `"body is incomplete"`) || err != nil {
			t.Errorf("%q is answered %q, %v", rest, answer, err)
		}
	}
}

// raw sends a request, closes its side of the connection, and returns the answer and the
// error of reading it.
func raw(t *testing.T, addr, request string) (string, error) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	// The server may already have reset the connection; the read below shows it.
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

// A buyer who disconnects during the payment step is not charged, and the purchase counts
// as abandoned.
func TestHungUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 10)
	waiting := make(chan struct{})
	r.faults.route = func(ctx context.Context, _ string) error {
		close(waiting)
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, hangUp := context.WithCancel(t.Context())
	req := httptest.NewRequest(http.MethodPost, "/buy/1", strings.NewReader(`{"user_email":"a@example.com","quantity":1}`)).WithContext(ctx)
	go func() {
		<-waiting
		hangUp()
	}()
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if w.Code != 499 || len(r.orders()) != 0 {
		t.Errorf("status %d, %d orders", w.Code, len(r.orders()))
	}
	if got := r.series(t, "onsale_purchases_total", "outcome=abandoned"); got != 1 {
		t.Errorf("counted %v times as abandoned", got)
	}
	if got := r.series(t, "http_requests_total", "endpoint=/buy/{concert_id}", "status=499"); got != 1 {
		t.Errorf("counted %v times as 499", got)
	}
}

// If the buyer disconnects while the purchase is written, the real outcome is counted.
func TestHungUpTooLate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		label  string
	}{
		{nil, 200, "sold"},
		{fmt.Errorf("%w: %w", sale.ErrOutcomeUnknown, context.Canceled), 503, "unknown"},
	} {
		r := newRig(t)
		r.concert(t, 10)
		ctx, hangUp := context.WithCancel(t.Context())
		r.hook(func(_ context.Context, call string) error {
			if call != "Sell" {
				return nil
			}
			hangUp()
			return c.err
		})
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/buy/1", strings.NewReader(`{"user_email":"a@example.com","quantity":1}`)).WithContext(ctx))
		if w.Code != c.status {
			t.Errorf("status %d, want %d", w.Code, c.status)
		}
		if got := r.series(t, "onsale_purchases_total", "outcome="+c.label); got != 1 {
			t.Errorf("counted %v times as %s", got, c.label)
		}
	}
}
