package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"onsale/internal/problem"
)

// order has a field of each type that can be read.
type order struct {
	Count  int      `json:"count"`
	Long   int64    `json:"long"`
	Seed   uint64   `json:"seed"`
	Share  float64  `json:"share"`
	Name   string   `json:"name"`
	Open   bool     `json:"open"`
	List   []string `json:"list,omitempty"`
	Maybe  *int     `json:"maybe"`
	Inside string
}

// read reads a body and returns its value, or the answer that rejects it.
func read(contentType string, body io.Reader) (order, *httptest.ResponseRecorder) {
	r := httptest.NewRequest(http.MethodPost, "/", body)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	var o order
	w := httptest.NewRecorder()
	if p := problem.Read(w, r, &o); p != nil {
		p.Write(w)
		return o, w
	}
	return o, nil
}

func TestReadsEachType(t *testing.T) {
	t.Parallel()
	seven := 7
	for body, want := range map[string]order{
		`{}`: {},
		`{"count":-3,"long":9223372036854775807,"seed":18446744073709551615,"share":2.5e3}`: {
			Count: -3, Long: 1<<63 - 1, Seed: 1<<64 - 1, Share: 2500,
		},
		`{"name":"\u00e9","open":true,"list":["a",""],"maybe":7}`: {Name: "é", Open: true, List: []string{"a", ""}, Maybe: &seven},
	} {
		got, refused := read("application/json; charset=utf-8", strings.NewReader(body))
		if refused != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", body, got, want)
		}
	}
}

func TestRejectsInvalidBodies(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1000)
	many := make([]string, 0, 20)
	for i := range 20 {
		many = append(many, fmt.Sprintf(`"f%02d":1`, i))
	}
	for _, bad := range []struct {
		contentType, body string
		status            int
		code, fields      string
	}{
		{"", `{"count":2.5,"long":"1"}`, 422, "invalid", "count must be an integer; long must be an integer"},
		{"", `{"count":null,"maybe":null}`, 422, "invalid", "count must be an integer; maybe must be an integer"},
		{"", `{"seed":-1}`, 422, "invalid", "seed must be an integer of 0 or more"},
		{"", `{"share":1e999}`, 422, "invalid", "share must be a number"},
		{"", `{"name":{}}`, 422, "invalid", "name must be a string"},
		{"", `{"open":"true"}`, 422, "invalid", "open must be true or false"},
		{"", `{"list":"a"}`, 422, "invalid", "list must be a list; each element must be a string"},
		{"", `{"list":["a",1]}`, 422, "invalid", "list must be a list; each element must be a string"},
		{"", `{"count":1,"count":"x"}`, 422, "invalid", "count must be sent only once"},
		{"", `{"Count":1}`, 422, "invalid", "Count is not known"},
		{"", `{"Inside":"x","":1}`, 422, "invalid", "Inside is not known;  is not known"},
		{"", `{"` + long + `":1}`, 422, "invalid", long[:64] + "… is not known"},
		{
			"", `{` + strings.Join(many, ",") + `}`, 422, "invalid",
			"f00 is not known; f01 is not known; f02 is not known; f03 is not known; f04 is not known; " +
				"f05 is not known; f06 is not known; f07 is not known; f08 is not known; f09 is not known",
		},
		{"", `[{}]`, 422, "invalid", "body must be a JSON object"},
		{"", `null`, 422, "invalid", "body must be a JSON object"},
		{"", ``, 400, "malformed", "body must not be empty"},
		{"", "\n", 400, "malformed", "body must not be empty"},
		{"", `{"count":1`, 400, "malformed", "body must be JSON: unexpected end of JSON input"},
		{"", "{\"\xff\":1}", 400, "malformed", "body must be UTF-8"},
		{"", `{"name":"` + strings.Repeat("x", problem.MaxBody) + `"}`, 413, "too_large", "body must be at most 65536 bytes long"},
		{"text/plain", `{}`, 415, "unsupported_media_type", "body must be application/json"},
		{"a/b/c", `{}`, 415, "unsupported_media_type", "body must be application/json"},
	} {
		_, w := read(bad.contentType, strings.NewReader(bad.body))
		if w == nil {
			t.Errorf("%.60s is accepted", bad.body)
			continue
		}
		wantProblem(t, w, bad.status, bad.code, bad.fields)
	}
	_, w := read("", io.MultiReader(strings.NewReader(`{"count":`), iotest.ErrReader(errors.New("gone"))))
	wantProblem(t, w, 400, "malformed", "body is incomplete")
}

// wantProblem checks that an answer is a problem that names the fields.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code, fields string) {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	named := make([]string, 0, len(p.Errors))
	for _, e := range p.Errors {
		named = append(named, e.Field+" "+e.Rule)
	}
	if w.Code != status || p.Status != status || p.Code != code || strings.Join(named, "; ") != fields ||
		p.Type != "urn:onsale:problem:"+code || p.Title == "" || p.Detail == "" ||
		w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s, want %d %s %s", w.Code, w.Header(), w.Body, status, code, fields)
	}
	if len(named) > 0 && (p.Message != named[0] || !strings.Contains(p.Detail, named[0])) {
		t.Errorf("message %q, detail %q, want %q", p.Message, p.Detail, named[0])
	}
}

func TestOtherMethods(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	problem.RefuseMethod(w, http.MethodGet, http.MethodPut)
	wantProblem(t, w, 405, "method_not_allowed", "")
	if allow := w.Header().Get("Allow"); allow != "GET, PUT" {
		t.Errorf("Allow: %s", allow)
	}
}

// FuzzRead: any body is read with the same result as by encoding/json, or rejected with a
// problem.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{}`, `{"count":3}`, `{"list":["x"],"share":-0.0}`, `{"count":1,"count":1}`, `[`, `{"a":{"b":[1]}}`, `{"maybe":1e2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, refused := read("", strings.NewReader(string(body)))
		if refused != nil {
			if !json.Valid(refused.Body.Bytes()) || refused.Code/100 != 4 {
				t.Fatalf("%d %s", refused.Code, refused.Body)
			}
			return
		}
		var want order
		if err := json.Unmarshal(body, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is read as %+v, want %+v (%v)", body, got, want, err)
		}
	})
}
