package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"onsale/internal/sale"
	"onsale/internal/server"
)

// bad is a request that must be rejected.
type bad struct {
	name   string
	path   string // /buy/1 if empty
	body   string
	header string
	status int
	code   string
	field  string // the first field in the answer
}

var badBodies = []bad{
	{name: "empty", body: ``, status: 400, code: "malformed", field: "body"},
	{name: "truncated", body: `{"user_email":"a@example.com","quant`, status: 400, code: "malformed", field: "body"},
	{name: "two values", body: `{} {}`, status: 400, code: "malformed", field: "body"},
	{name: "no JSON", body: `user_email=a@example.com`, status: 400, code: "malformed", field: "body"},
	{name: "NaN", body: `{"quantity":NaN}`, status: 400, code: "malformed", field: "body"},
	{name: "deep nesting", body: strings.Repeat("[", 11000), status: 400, code: "malformed", field: "body"},
	{name: "deep nesting, closed", body: strings.Repeat("[", 8000) + strings.Repeat("]", 8000), status: 422, code: "invalid", field: "body"},
	{name: "invalid UTF-8", body: "{\"user_email\":\"a\xff@example.com\",\"quantity\":1,\"title\":\"\xff\"}", status: 400, code: "malformed", field: "body"},
	{name: "byte order mark", body: "\ufeff{}", status: 400, code: "malformed", field: "body"},
	{name: "array", body: `[{"user_email":"a@example.com","quantity":1}]`, status: 422, code: "invalid", field: "body"},
	{name: "string", body: `"quantity"`, status: 422, code: "invalid", field: "body"},
	{name: "number", body: `5`, status: 422, code: "invalid", field: "body"},
	{name: "too large", body: `{"user_email":"` + strings.Repeat("a", 17<<10) + `"}`, status: 413, code: "too_large", field: "body"},
	{name: "form", body: `{}`, header: "Content-Type: application/x-www-form-urlencoded", status: 415, code: "unsupported_media_type", field: "body"},
	{name: "text", body: `{}`, header: "Content-Type: text/plain", status: 415, code: "unsupported_media_type", field: "body"},
	{name: "broken content type", body: `{}`, header: "Content-Type: ;;;", status: 415, code: "unsupported_media_type", field: "body"},
	{name: "Latin-1", body: `{}`, header: "Content-Type: application/json; charset=iso-8859-1", status: 415, code: "unsupported_media_type", field: "body"},
}

func badPurchases() []bad {
	email := func(e string) string { return fmt.Sprintf(`{"user_email":%q,"quantity":1}`, e) }
	quantity := func(q string) string { return `{"user_email":"a@example.com","quantity":` + q + `}` }
	list := badBodies
	for _, q := range []string{
		`0`, `-5`, `11`, `1.5`, `1e18`, `1000000000000000000`, `99999999999999999999999`, `1e0`, `1.0`, `-0`,
		`"2"`, `null`, `true`, `[1]`, `{"value":1}`, `1,"quantity":1`, `1,"Quantity":2`,
	} {
		list = append(list, bad{name: "quantity " + q, body: quantity(q), status: 422, code: "invalid", field: "quantity"})
	}
	for _, e := range []string{
		``, `none`, `a@`, `@example.com`, `Alice <a@example.com>`, `<a@example.com>`, `a@example.com, b@example.com`,
		"a@example.com\x00", "a\x00@example.com", "a@example.com\r\nBcc: b@example.com", "a@exa\tmple.com", " a@example.com",
		strings.Repeat("a", 10<<10) + "@example.com",
	} {
		name := fmt.Sprintf("e-mail %.40q", e)
		body := strings.ReplaceAll(email(e), `\x00`, `\u0000`)
		list = append(list, bad{name: name, body: body, status: 422, code: "invalid", field: "user_email"})
	}
	for _, e := range []string{`5`, `null`, `["a@example.com"]`} {
		list = append(list, bad{
			name: "e-mail " + e, body: `{"user_email":` + e + `,"quantity":1}`, status: 422, code: "invalid", field: "user_email",
		})
	}
	list = append(list,
		bad{name: "no e-mail", body: `{"quantity":1}`, status: 422, code: "invalid", field: "user_email"},
		bad{name: "no quantity", body: `{"user_email":"a@example.com"}`, status: 422, code: "invalid", field: "quantity"},
		bad{name: "empty object", body: `{}`, status: 422, code: "invalid", field: "user_email"},
		bad{name: "null", body: `null`, status: 422, code: "invalid", field: "user_email"},
	)
	const good = `{"user_email":"a@example.com","quantity":1}`
	for _, id := range []string{"abc", "0", "-1", "1.5", "9223372036854775808", "%00", "1%2F2", "%F0%9F%8E%B8"} {
		list = append(list, bad{name: "id " + id, path: "/buy/" + id, body: good, status: 422, code: "invalid", field: "concert_id"})
	}
	for _, key := range []string{"two words", strings.Repeat("k", 256), "schlüssel", "tab\tkey", ""} {
		list = append(list, bad{
			name: fmt.Sprintf("key %.20q", key), body: good, header: "Idempotency-Key: " + key, status: 422, code: "invalid", field: "Idempotency-Key",
		})
	}
	return list
}

// An invalid purchase is rejected, with the field named. It sells nothing and counts as
// invalid.
func TestBadPurchase(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/buy/1", "/buy_random_deny/1"} {
		r := newRig(t)
		r.concert(t, 100)
		list := badPurchases()
		for _, c := range list {
			t.Run(path+" "+c.name, func(t *testing.T) {
				r.hook(func(_ context.Context, call string) error {
					t.Errorf("%s was called", call)
					return nil
				})
				at := path
				if c.path != "" {
					at = strings.Replace(c.path, "/buy/", strings.TrimSuffix(path, "1"), 1)
				}
				c.check(t, r.do("POST", at, c.body, c.headers()...))
			})
		}
		r.hook(nil)
		if got := r.series(t, "onsale_purchases_total", "outcome=invalid"); got != float64(len(list)) {
			t.Errorf("%v of %d are counted as invalid", got, len(list))
		}
	}
}

func badConcerts() []bad {
	fields := map[string]string{"title": `"Title"`, "date": `"today"`, "venue": `"Venue"`, "number_of_tickets": `10`}
	with := func(field, value string) string {
		parts := []string{}
		for _, name := range []string{"title", "date", "venue", "number_of_tickets"} {
			switch {
			case name != field:
				parts = append(parts, fmt.Sprintf("%q:%s", name, fields[name]))
			case value != "":
				parts = append(parts, fmt.Sprintf("%q:%s", name, value))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	list := badBodies
	for _, field := range []string{"title", "date", "venue"} {
		for _, value := range []string{
			`""`, `5`, `null`, `["a"]`, `{"a":1}`, `"nul \u0000"`, `"two\nlines"`, `"bell \u0007"`, `"c1 \u0085"`, `"` + strings.Repeat("é", 201) + `"`, ``,
		} {
			list = append(list, bad{
				name: field + " " + fmt.Sprintf("%.30s", value), body: with(field, value), status: 422, code: "invalid", field: field,
			})
		}
	}
	for _, value := range []string{`0`, `-1`, `2147483648`, `1e18`, `1.5`, `"10"`, `null`, `[]`, ``, `18446744073709551617`} {
		list = append(list, bad{
			name: "tickets " + value, body: with("number_of_tickets", value), status: 422, code: "invalid", field: "number_of_tickets",
		})
	}
	return list
}

// An invalid concert is rejected, with the field named.
func TestBadConcert(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range badConcerts() {
		t.Run(c.name, func(t *testing.T) {
			r.hook(func(_ context.Context, call string) error {
				t.Errorf("%s was called", call)
				return nil
			})
			c.check(t, r.do("POST", "/concerts/new", c.body, c.headers()...))
		})
	}
}

func (c bad) headers() []string {
	if c.header == "" {
		return nil
	}
	return []string{c.header}
}

func (c bad) check(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	p := wantProblem(t, w, c.status, c.code)
	if len(p.Errors) == 0 || p.Errors[0].Field != c.field || p.Errors[0].Rule == "" {
		t.Errorf("field %q is not named: %s", c.field, w.Body)
	}
	if len(p.Errors) > 0 && p.Message != p.Errors[0].Field+" "+p.Errors[0].Rule {
		t.Errorf("message %q is not that of the field", p.Message)
	}
}

// Parameters of other calls are validated too.
func TestBadParameters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct{ method, path, field string }{
		{"GET", "/concerts/abc", "id"},
		{"GET", "/concerts/0", "id"},
		{"GET", "/concerts/9223372036854775808", "id"},
		{"GET", "/concerts?limit=0", "limit"},
		{"GET", "/concerts?limit=1001", "limit"},
		{"GET", "/concerts?limit=-1", "limit"},
		{"GET", "/concerts?limit", "limit"},
		{"GET", "/concerts?after=x", "after"},
		{"GET", "/concerts?after=-1", "after"},
		{"GET", "/purchases/abc", "id"},
		{"GET", "/purchases/%00", "id"},
		{"DELETE", "/purchases/1", "id"},
		{"GET", "/purchases?limit=1001", "limit"},
		{"GET", "/purchases?after=1", "after"},
		{"GET", "/purchases?concert_id=0", "concert_id"},
		{"GET", "/purchases?concert_id=1e3", "concert_id"},
	} {
		p := wantProblem(t, r.do(c.method, c.path, ""), 422, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Field != c.field || !strings.HasPrefix(p.Errors[0].Rule, "must be ") {
			t.Errorf("%s: %+v", c.path, p)
		}
	}
}

// One answer names all fields that break a rule of form.
func TestAllFieldsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := wantProblem(t, r.do("POST", "/buy/x", `{"user_email":5,"quantity":"2"}`), 422, "invalid")
	var names []string
	for _, e := range p.Errors {
		names = append(names, e.Field)
	}
	if got := strings.Join(names, " "); got != "concert_id user_email quantity" {
		t.Errorf("named %q", got)
	}
}

// Answers do not repeat the client's input.
func TestNothingEchoed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const evil = `<script>alert(1)</script>`
	for _, w := range []*httptest.ResponseRecorder{
		r.do("POST", "/buy/%3Cscript%3E", `{}`),
		r.do("GET", "/purchases/%3Cscript%3E", ``),
		r.do("GET", "/purchases?after=urn:uuxx:%3Cscript%3E-1234-1234-1234-123456789abc", ``),
		r.do("POST", "/buy/1", `{"user_email":"`+evil+`","quantity":"`+evil+`"}`),
		r.do("POST", "/concerts/new", `{"title":["`+evil+`"]}`),
		r.do("GET", "/%3Cscript%3E", ``),
		r.do("PUT", "/faults", `{"routes":{"`+evil+`":{}}}`),
		r.do("PUT", "/faults", evil),
	} {
		if w.Code < 400 || w.Code > 499 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if strings.Contains(strings.ToLower(w.Body.String()), "<script") {
			t.Errorf("echoed: %s", w.Body)
		}
		wantHeader(t, w, "X-Content-Type-Options", "nosniff")
	}
}

// Valid input in the forms that clients send is accepted.
func TestGoodInput(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 1000)
	for _, c := range []struct{ name, path, body, header string }{
		{"unknown fields", "/buy/1", `{"user_email":"a@example.com","quantity":1,"seat":{"row":[1,2]},"quantities":0}`, ""},
		{"white space", "/buy/1", " \n{\t\"user_email\" : \"a@example.com\" , \"quantity\" : 1 }\r\n", ""},
		{"escapes", "/buy/1", `{"\u0075ser_email":"\u0061@example.com","quantity":1}`, ""},
		{"no content type", "/buy/1", `{"user_email":"a@example.com","quantity":1}`, ""},
		{"charset", "/buy/1", `{"user_email":"a@example.com","quantity":1}`, "Content-Type: application/json; charset=UTF-8"},
		{"suffix", "/buy/1", `{"user_email":"a@example.com","quantity":1}`, "Content-Type: application/ld+json"},
		{"most", "/buy/1", `{"user_email":"a@example.com","quantity":10}`, ""},
		{"key", "/buy/1", `{"user_email":"a@example.com","quantity":1}`, "Idempotency-Key: " + strings.Repeat("~", 255)},
		{"strange accept", "/buy/1", `{"user_email":"a@example.com","quantity":1}`, "Accept: a;, b"},
		{"query", "/buy/1?x=1&limit=x", `{"user_email":"a@example.com","quantity":1}`, ""},
		{"largest concert", "/concerts/new", `{"title":"t","date":"d","venue":"v","number_of_tickets":2147483647}`, ""},
		{"longest texts", "/concerts/new", fmt.Sprintf(`{"title":%q,"date":%q,"venue":%q,"number_of_tickets":1}`,
			strings.Repeat("ü", 200), strings.Repeat("ü", 100), strings.Repeat("漢", 200)), ""},
	} {
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		if w := r.do("POST", c.path, c.body, headers...); w.Code != 200 {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
}

// A body of exactly the limit is accepted, one more byte is not, with and without a
// Content-Length.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	const limit = 16 << 10
	r := newRig(t)
	r.concert(t, 10)
	const order = `{"user_email":"a@example.com","quantity":1}`
	for _, c := range []struct {
		size   int
		status int
	}{{limit, 200}, {limit + 1, 413}, {10 * limit, 413}} {
		for _, chunked := range []bool{false, true} {
			req := httptest.NewRequest(http.MethodPost, "/buy/1", strings.NewReader(order+strings.Repeat(" ", c.size-len(order))))
			if chunked {
				req.ContentLength = -1
			}
			w := httptest.NewRecorder()
			r.handler.ServeHTTP(w, req)
			if w.Code != c.status {
				t.Errorf("%d bytes, chunked %t: %d %s", c.size, chunked, w.Code, w.Body)
			}
		}
	}
}

// A body that is incomplete or too slow gets a 4xx status.
func TestBrokenBody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{io.ErrUnexpectedEOF, 400, "malformed"},
		{os.ErrDeadlineExceeded, 408, "timeout"},
	} {
		req := httptest.NewRequest(http.MethodPost, "/buy/1", io.MultiReader(strings.NewReader(`{"user_em`), failing{c.err}))
		w := httptest.NewRecorder()
		r.handler.ServeHTTP(w, req)
		wantProblem(t, w, c.status, c.code)
	}
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// MaxPerPurchase is enforced, and appears in the message and the description.
func TestMaxPerPurchase(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.MaxPerPurchase = 2 })
	r.concert(t, 10)
	if w := r.do("POST", "/buy/1", `{"user_email":"a@example.com","quantity":2}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	p := wantProblem(t, r.do("POST", "/buy/1", `{"user_email":"a@example.com","quantity":3}`), 422, "invalid")
	if p.Message != "quantity must be between 1 and 2" {
		t.Errorf("message %q", p.Message)
	}
	if spec := r.do("GET", "/openapi.json", "").Body.Bytes(); !bytes.Contains(spec, []byte(`"maximum": 2,`)) {
		t.Error("the limit is missing from the description")
	}
}

func FuzzBuyBody(f *testing.F) {
	for _, c := range badPurchases() {
		f.Add([]byte(c.body))
	}
	f.Add([]byte(`{"user_email":"a@example.com","quantity":1}`))
	r := newRig(f)
	if _, err := r.CreateConcert(context.Background(), sale.NewConcert{Title: "t", Date: "d", Venue: "v", Capacity: math.MaxInt64}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r.bought = nil
		clear(r.purchases)
		w := r.do("POST", "/buy/1", string(body))
		orders := r.orders()
		switch {
		case w.Code >= 500 || w.Code < 200 || w.Code == 409:
			t.Errorf("status %d: %s", w.Code, w.Body)
		case w.Code != 200 && len(orders) != 0:
			t.Errorf("status %d, but the seller was called", w.Code)
		case w.Code == 200 && len(orders) != 1:
			t.Errorf("sold %d orders", len(orders))
		case w.Code == 200:
			if err := orders[0].Check(10); err != nil {
				t.Errorf("sold an invalid order: %v", err)
			}
		}
	})
}

func FuzzCreateConcertBody(f *testing.F) {
	for _, c := range badConcerts() {
		f.Add([]byte(c.body))
	}
	f.Add([]byte(`{"title":"t","date":"d","venue":"v","number_of_tickets":1}`))
	r := newRig(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		clear(r.concerts)
		w := r.do("POST", "/concerts/new", string(body))
		if w.Code != 200 {
			if w.Code < 400 || w.Code > 499 || len(r.concerts) != 0 {
				t.Errorf("status %d, %d concerts: %s", w.Code, len(r.concerts), w.Body)
			}
			return
		}
		c := r.concerts[1]
		if err := (sale.NewConcert{Title: c.Title, Date: c.Date, Venue: c.Venue, Capacity: c.Capacity}).Check(); err != nil {
			t.Errorf("created an invalid concert: %v", err)
		}
	})
}
