package server_test

import (
	"net/http"
	"strings"
	"testing"

	"onsale/internal/server"
)

// TestAdminGate checks which requests may make admin calls.
func TestAdminGate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		token    string
		loopback bool
		headers  []string
		status   int
	}{
		{"token", "secret", false, []string{"Authorization: Bearer secret"}, 200},
		{"token, scheme in other case", "secret", false, []string{"Authorization: bearer secret"}, 200},
		{"token through a proxy", "secret", false, []string{"Authorization: Bearer secret", "X-Forwarded-For: 10.0.0.1"}, 200},
		{"token missing", "secret", false, nil, 401},
		{"token missing on loopback", "secret", true, nil, 401},
		{"token wrong", "secret", true, []string{"Authorization: Bearer Secret"}, 401},
		{"token too short", "secret", true, []string{"Authorization: Bearer secre"}, 401},
		{"token empty", "secret", true, []string{"Authorization: Bearer "}, 401},
		{"other scheme", "secret", true, []string{"Authorization: Basic secret"}, 401},
		{"no scheme", "secret", true, []string{"Authorization: secret"}, 401},
		{"its hash", "secret", true, []string{"Authorization: Bearer 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}, 401},

		{"open to all", server.OpenToAll, false, []string{"Host: onsale.example.com"}, 200},
		{"open to all through a proxy", server.OpenToAll, false, []string{"Forwarded: for=10.0.0.1"}, 200},

		{"loopback", "", true, nil, 200},
		{"127.0.0.1", "", true, []string{"Host: 127.0.0.1:8000"}, 200},
		{"127.9.9.9", "", true, []string{"Host: 127.9.9.9"}, 200},
		{"::1", "", true, []string{"Host: [::1]:8000"}, 200},
		{"::1 without port", "", true, []string{"Host: [::1]"}, 200},
		{"mapped", "", true, []string{"Host: [::ffff:127.0.0.1]:8000"}, 200},
		{"LOCALHOST", "", true, []string{"Host: LocalHost:80"}, 200},
		{"a token without need", "", true, []string{"Authorization: Bearer x"}, 200},
		{"rebound name", "", true, []string{"Host: evil.example"}, 421},
		{"rebound name with port", "", true, []string{"Host: evil.example:8000"}, 421},
		{"name that begins like loopback", "", true, []string{"Host: 127.0.0.1.evil.example"}, 421},
		{"localhost with a dot", "", true, []string{"Host: localhost."}, 421},
		{"allowed name", "", true, []string{"Host: onsale.example.com"}, 403},
		{"a single label", "", true, []string{"Host: api:8000"}, 403},
		{"docker's name for the machine", "", true, []string{"Host: host.docker.internal:8000"}, 403},
		{"name that ends like loopback", "", true, []string{"Host: evil.localhost"}, 403},
		{"other address", "", true, []string{"Host: 192.168.0.1:8000"}, 403},
		{"any address", "", true, []string{"Host: 0.0.0.0:8000"}, 403},
		{"no host", "", true, []string{"Host: "}, 403},
		{"forwarded", "", true, []string{"Forwarded: for=10.0.0.1"}, 403},
		{"forwarded for", "", true, []string{"X-Forwarded-For: 127.0.0.1"}, 403},
		{"forwarded host", "", true, []string{"x-forwarded-host: localhost"}, 403},
		{"via", "", true, []string{"Via: 1.1 proxy"}, 403},
		{"real ip", "", true, []string{"X-Real-IP: 10.0.0.1"}, 403},
		{"forwarded, empty", "", true, []string{"X-Forwarded-Proto: "}, 403},
		{"HTTP/1.0", "", true, []string{"HTTP: 1.0"}, 403},
		{"HTTP/1.0 with a token", "secret", true, []string{"HTTP: 1.0", "Authorization: Bearer secret"}, 200},
		{"HTTP/1.0, open to all", server.OpenToAll, true, []string{"HTTP: 1.0"}, 200},
		{"not loopback", "", false, []string{"Host: localhost:8000"}, 403},
		{"not loopback, with a token", "", false, []string{"Authorization: Bearer x"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(o *server.Options) {
				o.AdminToken, o.Loopback, o.AllowedHosts = c.token, c.loopback, []string{"onsale.example.com"}
			})
			for _, call := range []struct{ method, path, body string }{
				{"POST", "/concerts/new", `{"title":"t","date":"d","venue":"v","number_of_tickets":1}`},
				{"GET", "/purchases", ""},
				{"GET", "/books", ""},
				{"GET", "/faults", ""},
				{"PUT", "/faults", `{"preset":"off"}`},
				{"PATCH", "/faults", `{"cpu":null}`},
			} {
				w := r.do(call.method, call.path, call.body, c.headers...)
				switch c.status {
				case 401:
					p := wantProblem(t, w, 401, "unauthorized")
					if !strings.Contains(p.Detail, "Authorization: Bearer") || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
						t.Errorf("the answer does not name the header: %s", w.Body)
					}
				case 403:
					if p := wantProblem(t, w, 403, "admin_disabled"); !strings.Contains(p.Detail, "ONSALE_ADMIN_TOKEN") {
						t.Errorf("the answer does not explain how to set a token: %s", w.Body)
					}
				case 421:
					wantProblem(t, w, 421, "foreign_host")
				default:
					if w.Code != http.StatusOK {
						t.Errorf("%s %s: %d %s", call.method, call.path, w.Code, w.Body)
					}
				}
			}
			if c.status != http.StatusOK && len(r.concerts) != 0 {
				t.Error("a concert was created")
			}
		})
	}
}

// The gate checks requests before validation, so that unauthorised clients learn nothing
// else.
func TestAdminGateFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.AdminToken = "secret" })
	wantProblem(t, r.do("POST", "/concerts/new", `{`), 401, "unauthorized")
	wantProblem(t, r.do("GET", "/purchases?limit=x", ``), 401, "unauthorized")
}

// Buying and browsing are open, regardless of the address and the token.
func TestOpenCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *server.Options) { o.AdminToken, o.Loopback = "secret", false })
	r.concert(t, 10)
	bought := object(t, r.do("POST", "/buy/1", `{"user_email":"a@example.com","quantity":1}`, "Host: onsale.example.com"))
	id, _ := bought["purchase_id"].(string)
	for _, path := range []string{"/concerts", "/concerts/1", "/purchases/" + id, "/health", "/ready", "/metrics", "/docs", "/openapi.json"} {
		if w := r.do("GET", path, "", "Host: onsale.example.com", "X-Forwarded-For: 10.0.0.1"); w.Code != 200 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// Pages of other origins cannot change anything.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.concert(t, 10)
	const order = `{"user_email":"a@example.com","quantity":1}`
	for _, headers := range [][]string{
		{"Sec-Fetch-Site: cross-site"},
		{"Sec-Fetch-Site: same-site"},
		{"Origin: https://evil.example"},
		{"Origin: null"},
	} {
		wantProblem(t, r.do("POST", "/buy/1", order, headers...), 403, "cross_origin")
		wantProblem(t, r.do("PUT", "/faults", `{"preset":"off"}`, headers...), 403, "cross_origin")
		if w := r.do("GET", "/concerts", "", headers...); w.Code != 200 {
			t.Errorf("reading: %d", w.Code)
		}
	}
	for _, headers := range [][]string{
		{"Sec-Fetch-Site: same-origin"},
		{"Sec-Fetch-Site: none"},
		{"Origin: http://localhost:8000"},
	} {
		if w := r.do("POST", "/buy/1", order, headers...); w.Code != 200 {
			t.Errorf("%v: %d %s", headers, w.Code, w.Body)
		}
	}
	if got := r.series(t, "http_requests_total", "endpoint=/buy/{concert_id}", "status=403"); got != 4 {
		t.Errorf("%v rejected requests are counted, want 4", got)
	}
	if got := r.series(t, "onsale_purchases_total", "outcome=invalid"); got != 4 {
		t.Errorf("%v purchases are counted as invalid, want 4", got)
	}
}
