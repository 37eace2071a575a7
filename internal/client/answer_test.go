package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"onsale/internal/app/apptest"
	"onsale/internal/client"
	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
)

// canned answers every request with the same answer.
type canned struct {
	status int
	header http.Header
	body   io.Reader
	err    error
}

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	if c.err != nil {
		return nil, c.err
	}
	header := c.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: c.status, Header: header, Body: io.NopCloser(c.body)}, nil
}

func clientOf(tb testing.TB, transport http.RoundTripper) *client.Client {
	tb.Helper()
	now := func() time.Time { return time.Date(2027, 1, 1, 12, 0, 0, 0, time.UTC) }
	c, err := client.New("http://onsale.test", client.Options{Transport: transport, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

var (
	order = client.BuyRequest{ConcertID: 7, Email: "ada@example.com", Quantity: 2}
	who   = client.Credentials{User: "ada", Token: "token"}
)

// TestErrorsWithAndWithoutCode covers answers that a real server does not send on demand,
// and those of the earlier services, which have no code.
func TestErrorsWithAndWithoutCode(t *testing.T) {
	t.Parallel()
	buy := func(c *client.Client) error { _, err := c.Buy(t.Context(), order); return err }
	create := func(c *client.Client) error { _, err := c.CreateItem(t.Context(), who, nil); return err }
	remove := func(c *client.Client) error { return c.DeleteItem(t.Context(), who, "x") }
	for _, c := range []struct {
		call   func(*client.Client) error
		status int
		body   string
		is     error
		code   string
	}{
		{buy, 503, `{"code":"busy"}`, sale.ErrBusy, "busy"},
		{buy, 503, `{"code":"stopping"}`, sale.ErrStopping, "stopping"},
		{buy, 503, `{"code":"unavailable"}`, sale.ErrUnavailable, "unavailable"},
		{buy, 503, `{"code":"outcome_unknown"}`, sale.ErrOutcomeUnknown, "outcome_unknown"},
		{buy, 422, `{"code":"refused"}`, sale.ErrRefused, "refused"},
		{buy, 404, `{"code":"not_found","message":"No such path"}`, client.ErrNoPath, "not_found"},
		{buy, 409, `{"message":"Tickets currently unavailable"}`, fault.ErrDenied, "denied"},
		{buy, 404, `{"detail":"Not Found"}`, sale.ErrNotFound, "not_found"},
		{buy, 502, `<html>Bad Gateway</html>`, sale.ErrOutcomeUnknown, "outcome_unknown"},
		{buy, 503, ``, sale.ErrUnavailable, "unavailable"},
		{buy, 429, `slow down`, sale.ErrBusy, "busy"},
		{create, 403, `{"error":"Unauthorized"}`, item.ErrUnauthorized, "unauthorized"},
		{create, 500, `{"code":"injected","error":"Injected fault"}`, fault.ErrInjected, "injected"},
		{remove, 404, `{"error":"Item not found"}`, item.ErrNotFound, "not_found"},
		{remove, 422, `{"errors":[{"field":"User-ID","message":"must be short"}]}`, item.ErrBadUser, "invalid"},
	} {
		err := c.call(clientOf(t, canned{status: c.status, body: strings.NewReader(c.body)}))
		answer, ok := errors.AsType[*client.Error](err)
		if !ok || !errors.Is(err, c.is) || answer.Code != c.code || answer.Status != c.status {
			t.Errorf("%d %s: %v, want %v", c.status, c.body, err, c.is)
		}
	}
	// An unknown answer is not a domain error.
	err := buy(clientOf(t, canned{status: 500, body: strings.NewReader("Internal Server Error")}))
	for _, is := range []error{sale.ErrUnavailable, sale.ErrOutcomeUnknown, sale.ErrBusy, fault.ErrInjected} {
		if errors.Is(err, is) {
			t.Errorf("%v is %v", err, is)
		}
	}
}

func TestOutcomesOfTheEarlierService(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		want   sale.Status
	}{
		{404, `{"message":"Concert sold out"}`, sale.SoldOut},
		{409, `{"message":"Concert sold out"}`, sale.SoldOut},
		{404, `{"message":"Concert not found"}`, sale.NotFound},
		{200, `{"concert_id":7,"quantity":2,"status":"success"}`, sale.Sold},
	} {
		got, err := clientOf(t, canned{status: c.status, body: strings.NewReader(c.body)}).Buy(t.Context(), order)
		if err != nil || got.Status != c.want {
			t.Errorf("%d %s: %s, %v; want %s", c.status, c.body, got.Status, err, c.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"":                              0,
		"3":                             3 * time.Second,
		"-1":                            0,
		"soon":                          0,
		"4000000000":                    24 * time.Hour,
		"99999999999999999999":          0,
		"Fri, 01 Jan 2027 12:00:05 GMT": 5 * time.Second,
		"Fri, 01 Jan 2027 11:00:00 GMT": 0,
	} {
		header := http.Header{"Retry-After": {value}, "Location": {"/purchases/1"}}
		_, err := clientOf(t, canned{status: 503, header: header, body: strings.NewReader("")}).Buy(t.Context(), order)
		answer, ok := errors.AsType[*client.Error](err)
		if !ok || answer.RetryAfter != want || answer.Location != "/purchases/1" {
			t.Errorf("%q: %+v, want %s", value, answer, want)
		}
	}
}

func TestMalformedAnswersAreErrorsWithAnExcerpt(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"not JSON":        "<html>\x1b[2Jhello</html>",
		"empty":           "",
		"cut":             `{"concert_id":7,"quanti`,
		"other type":      `{"concert_id":"seven"}`,
		"other order":     `{"concert_id":8,"quantity":2,"status":"success"}`,
		"not an object":   `[]`,
		"bad purchase id": `{"concert_id":7,"quantity":2,"status":"success","purchase_id":"x"}`,
		"endless":         `{"status":"` + strings.Repeat("x", 1<<20),
	} {
		_, err := clientOf(t, canned{status: 200, body: strings.NewReader(body)}).Buy(t.Context(), order)
		answer, ok := errors.AsType[*client.AnswerError](err)
		if !ok || !errors.Is(err, sale.ErrOutcomeUnknown) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text := err.Error(); len(text) > 800 || strings.ContainsAny(text, "\x1b\n") {
			t.Errorf("%s: error of %d bytes: %.1000s", name, len(text), text)
		}
		if len(body) > 5 && !strings.Contains(answer.Excerpt, body[1:5]) {
			t.Errorf("%s: excerpt %q", name, answer.Excerpt)
		}
	}
	for _, body := range []string{`{"item_id":""}`, `{"item_id":".."}`, `{"item_id":"` + strings.Repeat("x", 257) + `"}`} {
		if _, err := clientOf(t, canned{status: 201, body: strings.NewReader(body)}).CreateItem(t.Context(), who, nil); err == nil {
			t.Errorf("%.40s was accepted as an item", body)
		}
	}
	if _, err := clientOf(t, canned{status: 200, body: strings.NewReader(`{"item_id":"x"}`)}).CreateItem(t.Context(), who, nil); err == nil {
		t.Error("a create with status 200 was accepted")
	}
}

// broken fails in the middle of an answer.
type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func TestCallsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for name, c := range map[string]struct {
		transport canned
		is        error
		unsure    bool
	}{
		"no connection": {canned{err: dial}, dial, false},
		"reset":         {canned{err: io.ErrUnexpectedEOF}, io.ErrUnexpectedEOF, true},
		"cut answer":    {canned{status: 200, body: broken{io.ErrUnexpectedEOF}}, io.ErrUnexpectedEOF, true},
		"cut problem":   {canned{status: 500, body: broken{io.ErrUnexpectedEOF}}, io.ErrUnexpectedEOF, true},
	} {
		_, err := clientOf(t, c.transport).Buy(t.Context(), order)
		call, ok := errors.AsType[*client.TransportError](err)
		if !ok || !errors.Is(err, c.is) || call.Sent != c.unsure || errors.Is(err, sale.ErrOutcomeUnknown) != c.unsure {
			t.Errorf("%s: %v (%+v)", name, err, call)
		}
		if _, err := clientOf(t, c.transport).Books(t.Context()); errors.Is(err, sale.ErrOutcomeUnknown) {
			t.Errorf("%s: the outcome of a read cannot be unknown: %v", name, err)
		}
	}
}

func TestContextAndTimeoutEndACall(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer s.Close()
	defer close(release)
	c, err := client.New(s.URL, client.Options{Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	wantIs(t, c.Health(t.Context()), context.DeadlineExceeded)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantIs(t, c.Health(ctx), context.Canceled)
}

func TestRequestsAsTheyAreSent(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer s.Close()
	c, err := client.New(s.URL+"/base/", client.Options{Token: apptest.AdminToken, UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	keyed := order
	keyed.Key = "k"
	if _, err := c.Buy(t.Context(), keyed); err == nil {
		t.Error("a teapot sold tickets")
	}
	if got.URL.Path != "/base/buy/7" || body != `{"quantity":2,"user_email":"ada@example.com"}` ||
		got.Header.Get("Idempotency-Key") != "k" || got.Header.Get("User-Agent") != "test" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %v %s", got.URL, got.Header, body)
	}
	if _, sent := got.Header["Authorization"]; sent {
		t.Error("the admin token was sent with a purchase")
	}
	_, _ = c.Books(t.Context()) // fails too
	if got.Header.Get("Authorization") != "Bearer "+apptest.AdminToken {
		t.Errorf("the admin token was not sent with an admin call: %v", got.Header)
	}
	_ = c.DeleteItem(t.Context(), who, "a/b c")
	if got.URL.EscapedPath() != "/base/api/items/a%2Fb%20c" || got.Header.Get("Token") != "token" || got.Header.Get("User-ID") != "ada" {
		t.Errorf("%s %v", got.URL.EscapedPath(), got.Header)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer s.Close()
	c := connectionTo(t, s.URL)
	_, err := c.Books(t.Context())
	if answer, ok := errors.AsType[*client.Error](err); !ok || answer.Status != http.StatusFound {
		t.Errorf("%v", err)
	}
}

func connectionTo(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(url, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestPagesAreFollowedToTheLast(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		if after < 4 {
			w.Header().Set("Link", `</first>; rel="first", </concerts?x>; rel="next"`)
		}
		_, _ = io.WriteString(w, `[{"id":`+strconv.Itoa(after+1)+`},{"id":`+strconv.Itoa(after+2)+`}]`)
	}))
	defer s.Close()
	var ids []int64
	for concert, err := range connectionTo(t, s.URL).Concerts(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, concert.ID)
	}
	if len(ids) != 6 || ids[5] != 6 {
		t.Errorf("ids %v", ids)
	}
}

func TestRepeatingPagesEnd(t *testing.T) {
	t.Parallel()
	next := http.Header{"Link": {`</x>; rel=next`}}
	calls := 0
	c := clientOf(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		calls++
		return canned{status: 200, header: next, body: strings.NewReader(`[{"id":1},{"id":2}]`)}.RoundTrip(r)
	}))
	var last error
	for _, last = range c.Concerts(t.Context()) {
		if calls > 10 {
			t.Fatal("the list does not end")
		}
	}
	if last == nil {
		t.Error("the repetition was not detected")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestInvalidURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "127.0.0.1:8000", "ftp://x", "http://", "http://:8000", "http://x y", "http://u:s3cret@x", "http://x?q", "http://x#f", "http://x:port",
	} {
		if _, err := client.New(url, client.Options{}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := client.New("http://x", client.Options{Timeout: -1}); err == nil {
		t.Error("a negative timeout was accepted")
	}
}

// FuzzAnswer sends arbitrary answers to every call. None may panic, and each error must be
// one printable line.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		`{"concert_id":7,"quantity":2,"status":"success","purchase_id":"01a2014c-d993-7bc8-957b-9fe12660d41b"}`,
		`[{"id":1,"capacity":2}]`, `{"plan":{"routes":{"/books":{"error":0.5}}},"version":1}`, `{"token":"x"}`, `{"item_id":"x"}`,
		`{"code":"sold_out","available":3,"message":"Concert sold out"}`, `{"errors":[{"field":"a","message":"b"}]}`, "\x1b[2J", `null`, `[null]`,
	} {
		for _, status := range []int{200, 201, 409, 422, 503} {
			f.Add(status, body, "1", `</x>; rel="next"`)
		}
	}
	f.Fuzz(func(t *testing.T, status int, body, retry, link string) {
		transport := roundTrip(func(r *http.Request) (*http.Response, error) {
			header := http.Header{"Retry-After": {retry}, "Link": {link}, "Location": {link}}
			return canned{status: status, header: header, body: strings.NewReader(body)}.RoundTrip(r)
		})
		c, ctx := clientOf(t, transport), t.Context()
		check := func(err error) {
			if err != nil && (strings.ContainsAny(err.Error(), "\n\x1b\x00") || len(err.Error()) > 4000) {
				t.Errorf("error %q", err)
			}
		}
		outcome, err := c.Buy(ctx, order)
		check(err)
		if err == nil && outcome.Status.String() == "unknown" {
			t.Errorf("outcome %+v", outcome)
		}
		for _, err := range c.Concerts(ctx) {
			check(err)
		}
		for _, err := range c.Purchases(ctx, 1) {
			check(err)
		}
		_, err = c.Concert(ctx, 1)
		check(err)
		_, err = c.CreateConcert(ctx, sale.NewConcert{})
		check(err)
		_, err = c.Refund(ctx, uuid.Nil)
		check(err)
		_, err = c.Books(ctx)
		check(err)
		_, err = c.Faults(ctx)
		check(err)
		_, err = c.Token(ctx, "")
		check(err)
		_, err = c.CreateItem(ctx, who, nil)
		check(err)
		check(c.DeleteItem(ctx, who, "x"))
		check(c.Ready(ctx))
	})
}
