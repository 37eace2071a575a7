package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// oddIDs are ids that no item has, as written in a path. Most contain a word that must not
// appear in logs or metrics.
var oddIDs = []string{
	"evil", "..%2fevil", "..%2F..%2Fevil%2F..", "%2e%2e", "%2e", ".%2e%2fevil", "%00", "evil%00", "%0a%0devil", "%7f", "evil;",
	"evil;x=1", "'evil'", "%22evil%22", "%27%20OR%20%27%27=%27", "evil%25", "%25%32%65", "%ff%fe", "%E2%80%AEevil", "%F0%9F%8E%B8", "evil%20x",
	"evil&x=1", "%5c..%5cevil", "C:%5cevil", "*", "~evil", "{item_id}", "%7Bitem_id%7D", "$(evil)", "%3Cscript%3Eevil",
	strings.Repeat("evil", 2500),
}

// Any text in the place of an id is treated as an unknown id.
func TestOddItemIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.token(t, "ada")
	r.item(t, token)
	first := r.do("DELETE", "/api/items/x", "", "Token: "+token)
	for _, id := range oddIDs {
		w := r.do("DELETE", "/api/items/"+id, "", "Token: "+token)
		if wantItemProblem(t, w, 404, "not_found", "Item not found"); w.Body.String() != first.Body.String() {
			t.Errorf("%s: %s", id, w.Body)
		}
	}
	if got := len(r.items.deletes); got != len(oddIDs)+1 {
		t.Errorf("%d ids were looked up, want %d", got, len(oddIDs)+1)
	}
	r.wantNothing(t, 1)
}

// wantNothing checks that this many items exist, and that logs and metrics contain neither
// the word "evil" nor raw control characters.
func (r *rig) wantNothing(t *testing.T, items int) {
	t.Helper()
	if got := len(r.items.users()); got != items {
		t.Errorf("%d items, want %d", got, items)
	}
	text := r.log.String() + r.do("GET", "/metrics", "").Body.String()
	for _, c := range text {
		if c != '\n' && (c < ' ' || c >= 0x7f && c < 0xa0 || c == 0xfffd) {
			t.Errorf("log or metrics have %q", c)
		}
	}
	for _, word := range []string{"evil", "%2f", "%00", "../"} {
		if strings.Contains(strings.ToLower(text), word) {
			t.Errorf("log or metrics have %q", word)
		}
	}
}

// An invalid User-ID is rejected by all three calls, with the header named.
func TestBadUsers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := "Token: " + r.token(t, "ada")
	id := r.item(t, strings.TrimPrefix(token, "Token: "))
	for name, users := range map[string][]string{
		"too long":   {strings.Repeat("x", 129)},
		"64 kB":      {strings.Repeat("evil", 16<<10)},
		"NUL":        {"evil\x00"},
		"line":       {"evil\nx: y"},
		"return":     {"evil\r"},
		"tab":        {"evil\tx"},
		"bell":       {"\x07evil"},
		"delete":     {"evil\x7f"},
		"C1":         {"evil\u0085"},
		"no UTF-8":   {"evil\xff"},
		"twice":      {"ada", "ada"},
		"two users":  {"ada", "evil"},
		"empty next": {"ada", ""},
	} {
		headers := []string{token}
		for _, user := range users {
			headers = append(headers, "User-ID: "+user)
		}
		for _, w := range []*httptest.ResponseRecorder{
			r.do("POST", "/api/token", "", headers[1:]...),
			r.do("POST", "/api/items", "", headers...),
			r.do("DELETE", "/api/items/"+id, "", headers...),
		} {
			p := wantProblem(t, w, 422, "invalid")
			if len(p.Errors) != 1 || p.Errors[0].Field != "User-ID" || object(t, w)["error"] != p.Message || !strings.HasPrefix(p.Message, "User-ID must be ") {
				t.Errorf("%s: %s", name, w.Body)
			}
		}
	}
	r.wantNothing(t, 1)
	if got := r.series(t, "active_users"); got != 1 {
		t.Errorf("%v users are active, want ada alone", got)
	}
}

// Any body up to the limit is accepted and read to its end.
func TestItemBodies(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	r := newRig(t)
	token := r.token(t, "ada")
	good := 0
	for _, c := range []struct {
		body, contentType string
		status            int
	}{
		{"", "", 201},
		{`{"name":"thing"}`, "application/json", 201},
		{`{"name":`, "application/json", 201},
		{"\x00\xff", "application/octet-stream", 201},
		{"a=b", "application/x-www-form-urlencoded", 201},
		{"--x\r\n", "multipart/form-data; boundary=x", 201},
		{"text", ";;;", 201},
		{strings.Repeat("x", limit), "", 201},
		{strings.Repeat("x", limit+1), "", 413},
		{strings.Repeat("x", 3*limit), "text/plain", 413},
	} {
		for _, chunked := range []bool{false, true} {
			body := strings.NewReader(c.body)
			req := httptest.NewRequest(http.MethodPost, "/api/items", body)
			req.Header.Set("Token", token)
			req.Header.Set("Content-Type", c.contentType)
			if chunked {
				req.ContentLength = -1
			}
			w := httptest.NewRecorder()
			r.handler.ServeHTTP(w, req)
			if w.Code != c.status {
				t.Errorf("%d bytes of %q, chunked %t: %d %s", len(c.body), c.contentType, chunked, w.Code, w.Body)
			}
			if w.Code == http.StatusCreated {
				good++
				if body.Len() != 0 {
					t.Errorf("%d of %d bytes were not read", body.Len(), len(c.body))
				}
				continue
			}
			p := wantItemProblem(t, w, 413, "too_large", "body must be at most 1048576 bytes long")
			if p.Errors[0].Field != "body" || body.Len() < len(c.body)-limit-1 {
				t.Errorf("%s, %d bytes were not read", w.Body, body.Len())
			}
		}
	}
	if got := len(r.items.users()); got != good {
		t.Errorf("%d items, want %d", got, good)
	}
}

// A body that is incomplete or too slow gets a 4xx status.
func TestBrokenItemBody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.token(t, "ada")
	for _, c := range []struct {
		err    error
		status int
		code   string
		text   string
	}{
		{io.ErrUnexpectedEOF, 400, "malformed", "body is incomplete"},
		{os.ErrDeadlineExceeded, 408, "timeout", "body did not arrive in time"},
	} {
		req := httptest.NewRequest(http.MethodPost, "/api/items", io.MultiReader(strings.NewReader("evil"), failing{c.err}))
		req.Header.Set("Token", token)
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		wantItemProblem(t, w, c.status, c.code, c.text)
	}
	r.wantNothing(t, 0)
}

// Over a real connection, with the limits of a real server, malicious requests get a 4xx
// status and change nothing.
func TestEvilRequestsOverTCP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.token(t, "ada")
	id := r.item(t, token)
	s := httptest.NewUnstartedServer(r.handler)
	s.Config.MaxHeaderBytes = 16 << 10 // as in internal/app
	s.Start()
	defer s.Close()
	deleting := func(path string) string {
		return fmt.Sprintf("DELETE %s HTTP/1.1\r\nHost: localhost\r\nToken: %s\r\n\r\n", path, token)
	}
	creating := func(header string) string {
		return fmt.Sprintf("POST /api/items HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n%s\r\n\r\n", header)
	}
	requests := map[string]int{
		deleting("/api/items/../evil"):                         404,
		deleting("/api/items/../../etc/passwd"):                404,
		deleting("/api/items//" + id):                          404,
		deleting("/api/items/./" + id):                         404,
		deleting("/api/items/x/../" + id):                      404,
		deleting("/api/items/"):                                404,
		deleting("/api/items/" + id + "//x/"):                  404,
		deleting("/api/items/" + id + "%2f"):                   404,
		deleting("/api/items/evil\x00"):                        400,
		deleting("/api/items/%zz"):                             400,
		deleting("/api/items/ev il"):                           400,
		deleting("/api/items/%00"):                             404,
		deleting("/api/items/" + strings.Repeat("evil", 2500)): 404,
		deleting("/api/items/" + strings.Repeat("evil", 8000)): 431,

		creating("X-No-Token: evil"):                                                403,
		creating("Token: " + strings.Repeat("A", 64<<10)):                           431,
		creating("Token: " + token + "\r\nUser-ID: " + strings.Repeat("A", 64<<10)): 431,
		creating("Token: " + strings.Repeat("A", 8<<10)):                            403,
		creating("Token: ev\x00il"):                                                 400,
		creating("Token: " + token + "\r\nUser-ID: ev\x01il"):                       400,
		creating("Token: " + token + "\r\nUser-ID: evil\x7f"):                       400,
		creating("Token: " + token + "\r\nUser-ID: ev\xffil"):                       422,
		creating("Token: " + token + "\r\nUser-ID: ada\r\nUser-ID: evil"):           422,
		creating("Token: " + token + "\r\nUser-ID: ev\u0085il"):                     422,
		creating("Token : " + token):                                                400,
	}
	for request, want := range requests {
		status, body := tcp(t, s.Listener.Addr().String(), request)
		if status != want {
			t.Errorf("%.80q: %d %.200s, want %d", request, status, body, want)
		}
		if strings.Contains(body, "evil") || strings.Contains(body, token) {
			t.Errorf("%.80q is repeated in the answer: %.200s", request, body)
		}
	}
	r.wantNothing(t, 1)
}

// tcp sends a request unchanged and returns status and body of the answer.
func tcp(t *testing.T, addr, request string) (int, string) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, request) }() // the server may close the connection early
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Errorf("%.80q: %v", request, err)
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, string(body)
}

// FuzzItemCalls sends arbitrary requests. An item exists if and only if the answer is 201
// and the token was valid, and no answer has a 5xx status.
func FuzzItemCalls(f *testing.F) {
	r := newRig(f)
	token := r.token(f, "ada")
	f.Add(token, "ada", "x", []byte("body"))
	f.Add(token, "", "..%2f", []byte{})
	f.Add("x", "\x00", "%00", []byte{0})
	f.Fuzz(func(t *testing.T, sent, user, id string, body []byte) {
		clear(r.items.byID)
		create := httptest.NewRequest(http.MethodPost, "/api/items", bytes.NewReader(body))
		remove := httptest.NewRequest(http.MethodDelete, "/api/items/x", nil)
		remove.URL.Path, remove.URL.RawPath = "/api/items/"+id, ""
		for _, req := range []*http.Request{create, remove} {
			req.Header["Token"], req.Header["User-Id"] = []string{sent}, []string{user}
			w := httptest.NewRecorder()
			r.handler.ServeHTTP(w, req)
			if w.Code >= 500 || w.Code < 200 {
				t.Errorf("%s: %d %s", req.Method, w.Code, w.Body)
			}
			// The corpus has valid tokens that were issued at other times, too.
			_, bad := r.tokens.Check(sent, "")
			if req.Method == http.MethodPost && (w.Code == 201) != (len(r.items.byID) == 1 && bad == nil) {
				t.Errorf("%d, %d items", w.Code, len(r.items.byID))
			}
		}
	})
}

// If a client disconnects during the delay, no item is created.
func TestHungUpBeforeTheItem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.token(t, "ada")
	waiting := make(chan struct{})
	r.faults.route = func(ctx context.Context, _ string) error {
		close(waiting)
		<-ctx.Done()
		return ctx.Err()
	}
	ctx, hangUp := context.WithCancel(t.Context())
	go func() {
		<-waiting
		hangUp()
	}()
	req := httptest.NewRequest(http.MethodPost, "/api/items", nil).WithContext(ctx)
	req.Header.Set("Token", token)
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	if w.Code != 499 || len(r.items.users()) != 0 {
		t.Errorf("status %d, items of %q", w.Code, r.items.users())
	}
	for name, want := range map[string]float64{
		"total_requests_total": 1, "error_rate_total": 1, "total_items_created_total": 0, "processing_time": 0, "request_latency": 1,
	} {
		if got := r.series(t, name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}
