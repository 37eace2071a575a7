package server_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"onsale/internal/chrometest"
	"onsale/internal/server"
)

// embedding is a page that makes a browser read TARGET in every way that needs no
// permission. Its title is "done" afterwards.
const embedding = `<!doctype html><meta charset=utf-8><title>busy</title><script>
const target = 'TARGET' || location.origin
const over = (element, attributes) => new Promise((resolve) => {
	const e = Object.assign(document.createElement(element), attributes, {onload: resolve, onerror: resolve})
	document.documentElement.append(e)
})
const form = () => new Promise((resolve) => {
	const frame = Object.assign(document.createElement('iframe'), {name: 'answer'})
	document.documentElement.append(frame)
	const form = Object.assign(document.createElement('form'), {action: target + '/api/v1/form', target: 'answer'})
	document.documentElement.append(form)
	frame.onload = resolve
	form.submit()
})
Promise.all([
	over('img', {src: target + '/api/v1/image'}),
	over('script', {src: target + '/api/v1/script'}),
	over('link', {rel: 'stylesheet', href: target + '/api/v1/style'}),
	over('iframe', {src: target + '/api/v1/frame'}),
	over('img', {src: target + '//api/v1/spelled'}),
	over('img', {src: target + '/api/v1/unnamed', referrerPolicy: 'no-referrer'}),
	over('img', {src: target + '/linked/redirect'}),
	fetch(target + '/api/v1/fetch', {mode: 'no-cors'}).catch(() => {}),
	fetch(target + '/api/v1/cors').catch(() => {}),
	form(),
]).then(() => { document.title = 'done' })
</script>`

// TestCrossSiteInABrowser opens a page of another site and a page of this server in a real
// browser. Both try to make it run queries.
func TestCrossSiteInABrowser(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var ran []string
	front := server.NewFront(server.FrontOptions{Loopback: true, Logger: slog.New(slog.DiscardHandler), Mounts: []server.Mount{
		{Pattern: "/api/v1/", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			ran = append(ran, strings.TrimPrefix(r.URL.Path, "/api/v1/"))
			_, _ = io.WriteString(w, "ran")
		})},
		{Pattern: "GET /linked/redirect", Handler: http.RedirectHandler("/api/v1/redirected", http.StatusFound), Page: true},
		{Pattern: "GET /own", Handler: page(""), Page: true},
	}})
	target := httptest.NewServer(front)
	defer target.Close()
	evil := httptest.NewServer(page(target.URL))
	defer evil.Close()

	tab := chrometest.New(t)
	for _, c := range []struct {
		url  string
		want []string
	}{
		// The same machine under another name, which is another site.
		{strings.Replace(evil.URL, "127.0.0.1", "localhost", 1), nil},
		// The negative control: none of the same requests is rejected.
		{target.URL + "/own", []string{"cors", "fetch", "form", "frame", "image", "redirected", "script", "spelled", "style", "unnamed"}},
	} {
		mu.Lock()
		ran = nil
		mu.Unlock()
		tab.Do(chromedp.Navigate(c.url))
		if _, err := chromedp.Run(tab.Context(), chromedp.Poll[chromedp.Void](`document.title === 'done'`,
			chromedp.WithPollingTimeout(chrometest.Patience), chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
			t.Fatalf("the page at %s does not finish: %v", c.url, err)
		}
		mu.Lock()
		slices.Sort(ran)
		if !slices.Equal(ran, c.want) {
			t.Errorf("the page at %s ran %q, want %q", c.url, ran, c.want)
		}
		mu.Unlock()
	}
	// A link from the other site is rejected unless it is to a page.
	tab.Do(chromedp.Navigate(strings.Replace(evil.URL, "127.0.0.1", "localhost", 1)))
	tab.Do(chromedp.Evaluate[chromedp.Void](`void setTimeout(() => { location.href = '` + target.URL + `/api/v1/link' })`))
	tab.Do(chromedp.WaitReady(chromedp.CSS("pre"))) // Chromium shows text and JSON in a pre
	if text := chrometest.Evaluate[string](tab, `document.body.innerText`); !strings.Contains(text, "cross_origin") {
		t.Errorf("a link shows %q", text)
	}
}

// page serves the page embedding for a target.
func page(target string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, strings.Replace(embedding, "TARGET", target, 1))
	})
}
