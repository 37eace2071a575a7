package scenario_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"onsale/internal/stress/scenario"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// answering starts a server that answers each call, such as "GET /health", with a
// status and a body, and every other call with 404.
func answering(t *testing.T, calls map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, ok := calls[r.Method+" "+r.URL.Path]
		if !ok {
			answer = `404 {"detail":"Not Found"}`
		}
		var status int
		_, _ = fmt.Sscan(answer, &status)
		if status == http.StatusMovedPermanently {
			w.Header().Set("Location", answer[len("301 "):])
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, strings.TrimSpace(answer[len("200"):]))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestTargetsThatAreNotReady: each has its own error, which says what to do.
func TestTargetsThatAreNotReady(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scenario string
		calls    map[string]string
		says     string
	}{
		"other API":    {"tickets", map[string]string{}, "is not the ticket API that tickets needs: GET /health answered 404; for another API give a URL or a scenario file"},
		"unwell":       {"browse", map[string]string{"GET /health": "503 "}, "has a problem: GET /health answered 503"},
		"redirects":    {"rush", map[string]string{"GET /health": "301 https://tickets.test/"}, "redirects to https://tickets.test/; use that as --host"},
		"no list":      {"tickets", map[string]string{"GET /health": "200 "}, "is not the ticket API that tickets needs"},
		"a page":       {"tickets", map[string]string{"GET /health": "200 ", "GET /concerts": "200 <html>"}, "is not the ticket API that tickets needs"},
		"away":         {"tickets", map[string]string{"GET /health": "200 ", "GET /concerts": `503 {"code":"unavailable"}`}, "cannot list its concerts now"},
		"empty":        {"browse", map[string]string{"GET /health": "200 ", "GET /concerts": "200 []"}, "has no concert; add --prepare"},
		"sold out":     {"rush", map[string]string{"GET /health": "200 ", "GET /concerts": `200 [{"id":1,"capacity":5,"sold":5}]`}, "no concert of 127.0.0.1:"},
		"no items":     {"items", map[string]string{}, "is not the items API: POST /api/token answered 404 without a token"},
		"no token":     {"items", map[string]string{"POST /api/token": "200 {}"}, "is not the items API"},
		"items unwell": {"items", map[string]string{"POST /api/token": "503 {}"}, "does not issue tokens now: POST /api/token answered 503"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := instance(t, c.scenario).Check(t.Context(), optionsFor(t, answering(t, c.calls)))
			wantNotReady(t, err, c.says)
		})
	}
}

// TestUnreachableTargets: each kind of failed connection has its own error.
func TestUnreachableTargets(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := listener.Addr().String()
	listener.Close()
	_, err = instance(t, "tickets").Check(t.Context(), optionsFor(t, "http://"+free))
	wantNotReady(t, err, "target is not ready: no server listens on "+free+"; start one with: onsale serve")

	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it would log that the client rejects the certificate
	secure.StartTLS()
	t.Cleanup(secure.Close)
	_, err = instance(t, "items").Check(t.Context(), optionsFor(t, secure.URL))
	wantNotReady(t, err, "no TLS connection with "+strings.TrimPrefix(secure.URL, "https://"), "--insecure")
	plain := answering(t, nil)
	_, err = instance(t, "items").Check(t.Context(), optionsFor(t, strings.Replace(plain, "http:", "https:", 1)))
	wantNotReady(t, err, "no TLS connection")

	for kind, says := range map[wire.Kind]string{
		wire.Refused: "no server listens on", wire.Resolve: "has no address", wire.Unreachable: "no network route to",
		wire.ConnectTimeout: "does not accept the connection", wire.Malformed: "does not answer in HTTP; should the URL begin with https://?",
		wire.Closed: "does not answer in HTTP", wire.Reset: "does not answer in HTTP", wire.Timeout: "does not answer within 15s; does a firewall or security group",
		wire.Redirect: "redirects to another host", wire.Tester: "this machine is at its limit", wire.Invalid: "the request cannot be sent",
	} {
		o := optionsFor(t, "http://tickets.test:8000")
		o.Connect = func() wire.Doer { return failing(kind) }
		_, err := instance(t, "tickets").Check(t.Context(), o)
		wantNotReady(t, err, says, "(why)")
		wantNotReady(t, scenario.Reach(t.Context(), o, &wire.Request{Method: "GET", Path: "/"}), says)
	}
}

// failing is a connection on which every request fails in one way.
type failing wire.Kind

func (f failing) Do(context.Context, *wire.Request) (*wire.Response, error) {
	return nil, &wire.Error{Kind: wire.Kind(f), Err: errors.New("why")}
}

func (failing) Release() {}

func (failing) Close() {}

func (failing) Protocol() string { return "" }

// TestEndOfTheContextIsNotErrNotReady: it is not a fault of the target.
func TestEndOfTheContextIsNotErrNotReady(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o := optionsFor(t, answering(t, nil))
	_, err := instance(t, "tickets").Check(ctx, o)
	reach := scenario.Reach(ctx, o, &wire.Request{Method: "GET", Path: "/"})
	_, books := instance(t, "tickets").OpenBooks(ctx, o)
	for _, err := range []error{err, reach, books} {
		if !errors.Is(err, context.Canceled) || errors.Is(err, scenario.ErrNotReady) {
			t.Errorf("error %v", err)
		}
	}
	if err := scenario.Reach(t.Context(), o, &wire.Request{Method: "GET", Path: "/"}); err != nil {
		t.Errorf("the target answers with 404, which is enough: %v", err)
	}
}

// TestTargetThatReportsNotReady: a load test during an outage is allowed, and
// the report has a note about it.
func TestTargetThatReportsNotReady(t *testing.T) {
	t.Parallel()
	url := answering(t, map[string]string{"GET /health": "200 ", "GET /concerts": `200 [{"id":1,"capacity":50}]`, "GET /ready": "503 "})
	f := found(t)(instance(t, "browse").Check(t.Context(), optionsFor(t, url)))
	if len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "not ready to sell") {
		t.Errorf("%+v", f)
	}
}

// TestEarlierService: its list has only ids, and it has neither books nor single
// concerts, but it can be load tested.
func TestEarlierService(t *testing.T) {
	t.Parallel()
	url := answering(t, map[string]string{
		"GET /health": "200 ", "GET /concerts": `200 [{"id": 4}, {"id": 9}]`,
		"POST /buy/4": `404 {"message": "Concert sold out"}`, "POST /buy/9": `404 {"message": "Concert sold out"}`,
		"POST /concerts/new": `200 {"id": 10, "title": "Load test", "status": "created"}`,
	})
	for _, name := range []string{"tickets", "rush", "browse"} {
		o := optionsFor(t, url)
		in := instance(t, name)
		f := found(t)(in.Check(t.Context(), o))
		if unknown := strings.Contains(strings.Join(f.Notes, "\n"), "does not report how many tickets are left"); f.Known || unknown != in.Sells {
			t.Errorf("%s: %+v", name, f)
		}
		if name == "rush" && f.Concert != 9 {
			t.Errorf("users buy concert %d, not the newest", f.Concert)
		}
		o.Prepare = true
		if f = found(t)(instance(t, name).Check(t.Context(), o)); name == "rush" && (f.Concert != 10 || len(f.Created) != 1) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	o, in := optionsFor(t, url), instance(t, "tickets")
	books, err := in.OpenBooks(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	s := runUntil(t, hurried(in), o.Connect, 3, func(s stats.Snapshot) bool { return s.Total.Business[scenario.SoldOut] >= 5 })
	if s.Total.Failures != 0 || s.Total.Business[scenario.SoldOut] < 5 {
		t.Errorf("%+v", s.Total)
	}
	audit, err := books.Close(t.Context())
	if err != nil || audit.Known || audit.Agree || !strings.Contains(audit.Text, "0 tickets were confirmed as sold; the target does not report") {
		t.Errorf("%+v, %v", audit, err)
	}
}

// TestTicketsThatAreConfirmedButNotRecorded is the negative control of the books. The
// target confirms every purchase, and records every other one.
func TestTicketsThatAreConfirmedButNotRecorded(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var booked, bought, unsure int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		concert := func() string {
			return fmt.Sprintf(`{"id":1,"capacity":1000000,"sold":%d,"available":5}`, booked)
		}
		switch {
		case r.URL.Path == "/concerts/1":
			_, _ = fmt.Fprint(w, concert())
		case r.URL.Path == "/concerts":
			_, _ = fmt.Fprint(w, "["+concert()+"]")
		case r.Method == http.MethodPost:
			var email string
			var quantity int64
			_, _ = fmt.Fscanf(r.Body, `{"user_email":%q,"quantity":%d}`, &email, &quantity)
			if bought++; bought%2 == 0 {
				booked += quantity
			}
			if bought%10 == 0 {
				unsure += quantity
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			_, _ = fmt.Fprintf(w, `{"concert_id":1,"quantity":%d,"status":"success"}`, quantity)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	in, o := instance(t, "tickets"), optionsFor(t, s.URL)
	books, err := in.OpenBooks(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	runUntil(t, hurried(in), o.Connect, 5, func(stats.Snapshot) bool {
		counts := in.Tally.Counts()
		return counts.Purchases >= 30 && counts.Unsure >= 2
	})
	audit, err := books.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !audit.Known || audit.Agree || audit.Booked != booked || audit.Unsure != unsure || audit.Missing != audit.Told-booked ||
		audit.Missing <= 0 || !strings.Contains(audit.Text, "are missing there") {
		t.Errorf("%+v; %d booked, %d unsure", audit, booked, unsure)
	}
}
