package automate_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onsale/internal/automate"
	"onsale/internal/client"
)

// elsewhere is a service that issues a token and fails to create items.
func elsewhere(t *testing.T, status int, contentType, body string) *client.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == client.TokenPath {
			_, _ = io.WriteString(w, `{"token":"SECRET-token"}`)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestErrorTextOfAnotherServer: the summary and the log have the error text of a server
// that is not Onsale.
func TestErrorTextOfAnotherServer(t *testing.T) {
	t.Parallel()
	const plain, html, js = "text/plain", "text/html; charset=utf-8", "application/json"
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		want              string
	}{
		"plain":        {500, plain, "boom:\tthe disk\r\nis full\n", "http_500: POST /api/items got status 500: boom: the disk is full"},
		"terminal":     {500, plain, "a\x1b[2Jb\u202ec", "got status 500: a [2Jb c\n"},
		"flask":        {500, html, "<!doctype html>\n<html lang=en>\n<title>500 Internal &amp; Server Error</title>\n<h1>Internal</h1>", "got status 500: 500 Internal & Server Error\n"},
		"nginx":        {502, html, "<html>\r\n<head><title>502 Bad Gateway</title></head>", "outcome_unknown: POST /api/items got status 502: 502 Bad Gateway\n"},
		"page":         {500, html, "<p>no title</p>", "got status 500: Internal Server Error\n"},
		"fastapi":      {422, js, `{"detail":[{"loc":["body","name"],"msg":"Field required"}]}`, `"msg":"Field required"`},
		"nested":       {500, js, `{"error":{"code":13,"message":"no room"}}`, `{"error":{"code":13,"message":"no room"}}`},
		"other member": {500, js, `{"msg":"no room","status":500}`, `"msg":"no room"`},
		"string":       {500, js, `"no room"`, `got status 500: "no room"`},
		"echo":         {500, plain, "token SECRET-token is wrong", "token *** is wrong"},
		"long":         {500, plain, strings.Repeat("ü", 100_000), "üüü…\n"},
		"binary":       {500, "application/x-protobuf", "\xff\xfe\x00\x01", "got status 500: Internal Server Error\n"},
		"empty":        {500, plain, "", "got status 500: Internal Server Error\n"},
		"another 200":  {200, js, `{"ok":true}`, `malformed_answer: POST /api/items got status 200: want status 201: {"ok":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			o := automate.DefaultOptions()
			o.Rate, o.Force, o.Count, o.Retries, o.Duration = 1000, true, 1, 0, time.Minute
			lines := automate.NewLog(&log)
			o.Recorder = lines
			a, err := automate.New(elsewhere(t, c.status, c.contentType, c.body), o)
			if err != nil {
				t.Fatal(err)
			}
			var summary strings.Builder
			a.Run(t.Context()).Write(&summary, "")
			if !strings.Contains(summary.String(), c.want) || summary.Len() > 2000 {
				t.Errorf("want %q in\n%s", c.want, summary.String())
			}
			if strings.Contains(summary.String()+log.String(), "SECRET") || strings.ContainsAny(summary.String(), "\x1b\u202e") {
				t.Errorf("found a secret or a control character in\n%s\n%s", summary.String(), log.String())
			}
			if !strings.Contains(log.String(), `"message":`) {
				t.Errorf("no message in the log: %s", log.String())
			}
		})
	}
}

// TestTextOfANetworkError: the summary has the reason why the connection failed.
func TestTextOfANetworkError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := automate.DefaultOptions()
	o.Rate, o.Force, o.Count, o.Retries = 1000, true, 3, 0
	a, err := automate.New(c, o)
	if err != nil {
		t.Fatal(err)
	}
	var summary strings.Builder
	a.Run(t.Context()).Write(&summary, "")
	if got := strings.Count(summary.String(), "connect: POST /api/token got no answer: dial tcp 127.0.0.1:"); got != 1 {
		t.Errorf("the summary has the reason %d times, want once:\n%s", got, summary.String())
	}
}
