package server_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"onsale/internal/server"
)

// TestProxies: without a token, admin calls that show signs of a proxy are rejected.
func TestProxies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, header := range []string{
		"Forwarded: for=10.0.0.1", "Via: 1.1 proxy", "CDN-Loop: cloudflare", "X-Forwarded-For: 10.0.0.1", "X-Forwarded: for=10.0.0.1",
		"X-Forwarded-Port: 443", "X-Real-IP: 10.0.0.1", "X-Client-IP: 10.0.0.1", "X-Remote-IP: 10.0.0.1", "X-Remote-Addr: 10.0.0.1",
		"X-Cluster-Client-IP: 10.0.0.1", "X-ProxyUser-Ip: 10.0.0.1", "X-Proxy-Id: 1", "X-Originating-IP: 10.0.0.1",
		"X-Original-Host: onsale.example.com", "X-Original-URL: /", "X-Rewrite-URL: /", "X-ARR-SSL: 2048", "X-Request-ID: 1",
		"X-Request-Start: t=1", "X-Scheme: https", "X-NginX-Proxy: true", "X-Varnish: 1", "X-Envoy-Attempt-Count: 1", "X-Kong-Request-Id: 1",
		"X-Amzn-Trace-Id: Root=1", "X-Amz-Cf-Id: 1", "CloudFront-Viewer-Address: 10.0.0.1:1", "X-Azure-ClientIP: 10.0.0.1",
		"X-Appengine-User-Ip: 10.0.0.1", "X-Cloud-Trace-Context: 1", "CF-Connecting-IP: 10.0.0.1", "CF-Ray: 1", "CF-IPCountry: XX",
		"True-Client-IP: 10.0.0.1", "X-Akamai-Edgescape: 1", "Akamai-Origin-Hop: 1", "Fastly-Client-IP: 10.0.0.1", "Fastly-FF: 1",
		"Fly-Client-IP: 10.0.0.1", "DO-Connecting-IP: 10.0.0.1", "X-Vercel-Id: 1", "X-Nf-Client-Connection-Ip: 10.0.0.1",
		"X-Sucuri-ClientIP: 10.0.0.1", "Incap-Client-IP: 10.0.0.1", "Tailscale-User-Login: a@example.com", "Front-End-Https: on",
		"WL-Proxy-Client-IP: 10.0.0.1", "Proxy-Client-IP: 10.0.0.1", "Proxy-Connection: keep-alive",
		"X_Forwarded_For: 10.0.0.1", // some servers write underscores
	} {
		wantProblem(t, r.do("GET", "/books", "", header), 403, "admin_disabled")
		wantProblem(t, r.do("PUT", "/faults", `{"preset":"off"}`, header), 403, "admin_disabled")
		if w := r.do("GET", "/concerts", "", header); w.Code != 200 {
			t.Errorf("%s, open call: %d", header, w.Code)
		}
	}
	for _, headers := range [][]string{
		nil,
		{"User-Agent: curl/8.14.1", "Accept: */*"},
		{"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-01", "Idempotency-Key: 1"}, // programs send them
		{"Sec-Fetch-Site: same-origin", "Sec-Ch-Ua: x", "Dnt: 1", "Upgrade-Insecure-Requests: 1", "Accept-Language: de", "Cookie: a=b"},
		{"Connection: close"}, // as ab and old scripts send
	} {
		if w := r.do("GET", "/books", "", headers...); w.Code != 200 {
			t.Errorf("%v: %d %s", headers, w.Code, w.Body)
		}
	}
}

// TestSilentNginx sends the same requests as an nginx whose configuration has only
// proxy_pass: HTTP/1.0, the name of the upstream as the Host, and no proxy headers.
func TestSilentNginx(t *testing.T) {
	t.Parallel()
	const sent = "Connection: close\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\n\r\n"
	for token, want := range map[string]string{"": "403", "secret": "401", server.OpenToAll: "200"} {
		r := newRig(t, func(o *server.Options) { o.AdminToken, o.AllowedHosts = token, nil })
		s := httptest.NewServer(r.handler)
		addr := s.Listener.Addr().String()
		for path, want := range map[string]string{"/books": want, "/purchases": want, "/faults": want, "/concerts": "200", "/health": "200"} {
			answer, err := onWire(t, addr, "GET "+path+" HTTP/1.0\r\nHost: "+addr+"\r\n"+sent)
			if _, status, _ := strings.Cut(answer, " "); err != nil || !strings.HasPrefix(status, want) {
				t.Errorf("token %q, %s: %.40q, %v, want %s", token, path, answer, err, want)
			}
		}
		s.Close()
	}
}
