package console_test

import (
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/console"
)

// answer is the response of a console.
type answer struct {
	status int
	header http.Header
	body   string
}

// get sends a request to a new console.
func get(t *testing.T, o console.Options, method, path string, header ...string) answer {
	t.Helper()
	handler, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, "http://127.0.0.1:8000"+path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method, path string
		status       int
		kind, holds  string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8", "A ticket office built to be stormed"},
		{"HEAD", "/", 200, "text/html; charset=utf-8", ""},
		{"GET", "/?query=up", 200, "text/html; charset=utf-8", "Query Prometheus"},
		{"GET", "/ui/style.css", 200, "text/css; charset=utf-8", "prefers-color-scheme"},
		{"GET", "/ui/front.js", 200, "text/javascript; charset=utf-8", "import"},
		{"GET", "/ui/icon.svg", 200, "image/svg+xml", "<svg"},
		{"GET", "/provocations", 200, "application/json", `{"alert":"HighMemory","cannot":"Too little memory: 1 GiB is enough."`},
		{"GET", "/runbooks/", 200, "text/html; charset=utf-8", "/runbooks/HighFailureRate"},
		{"GET", "/runbooks/HighFailureRate", 200, "text/html; charset=utf-8", "Look at which route fails."},
		{"GET", "/runbooks/Nothing", 404, "text/plain; charset=utf-8", "No such runbook"},
		{"GET", "/ui/", 404, "text/plain; charset=utf-8", ""},
		{"GET", "/elsewhere", 404, "text/plain; charset=utf-8", ""},
		{"POST", "/", 405, "text/plain; charset=utf-8", ""},
	} {
		t.Run(test.method+test.path, func(t *testing.T) {
			t.Parallel()
			got := get(t, options(), test.method, test.path)
			if got.status != test.status {
				t.Errorf("status %d, want %d", got.status, test.status)
			}
			if kind := got.header.Get("Content-Type"); kind != test.kind {
				t.Errorf("content type %q, want %q", kind, test.kind)
			}
			if !strings.Contains(got.body, test.holds) {
				t.Errorf("the body does not contain %q:\n%s", test.holds, got.body)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
				if value := got.header.Get(name); value != want {
					t.Errorf("%s is %q, want %q", name, value, want)
				}
			}
			policy := got.header.Get("Content-Security-Policy")
			if !strings.HasPrefix(policy, "default-src 'none';") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("the policy is %q", policy)
			}
		})
	}
}

// TestUnchanged checks that a browser with the newest version gets no body.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/ui/front.js", "/runbooks/InstanceDown"} {
		got := get(t, options(), "GET", path)
		if control := got.header.Get("Cache-Control"); control != "no-cache" {
			t.Errorf("%s: Cache-Control is %q", path, control)
		}
		again := get(t, options(), "GET", path, "If-None-Match", got.header.Get("ETag"))
		if again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s: second request: %d and %d bytes, want 304 and none", path, again.status, len(again.body))
		}
		other := get(t, options(), "GET", path, "If-None-Match", `"older"`)
		if other.status != http.StatusOK {
			t.Errorf("%s: with an older version, the status is %d, want 200", path, other.status)
		}
	}
}

// TestNothingInline checks that pages contain no inline scripts or styles, which
// the policy would block.
func TestNothingInline(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`(?i)<script(?: [^>]*)?>[^<]|<style| style=| on[a-z]+="|javascript:|https?://[^1l]`)
	for _, path := range []string{"/", "/runbooks/", "/runbooks/HighFailureRate"} {
		body := get(t, options(), "GET", path).body
		if found := inline.FindString(body); found != "" {
			t.Errorf("%s contains %q", path, found)
		}
	}
}

// TestLinks checks that the console or another part serves every linked path.
func TestLinks(t *testing.T) {
	t.Parallel()
	elsewhere := map[string]bool{
		"/docs": true, "/concerts": true, "/books": true, "/metrics": true, "/faults": true, "/crowd": true, "/inbox": true, "/coverage": true,
		"/api/v1/query": true, "/api/v1/rules": true, "/api/v1/targets": true, "/api/v2/alerts": true, "/api/v2/silences": true,
	}
	link := regexp.MustCompile(`(?:href|src|action)="(/[^"#?]*)`)
	for _, from := range []string{"/", "/runbooks/", "/runbooks/HighLatency"} {
		body := get(t, options(), "GET", from).body
		for _, found := range link.FindAllStringSubmatch(body, -1) {
			path := found[1]
			if elsewhere[path] {
				continue
			}
			if got := get(t, options(), "GET", path); got.status != http.StatusOK {
				t.Errorf("%s links to %s, which has the status %d", from, path, got.status)
			}
		}
	}
}

// TestParts checks that missing parts are not shown.
func TestParts(t *testing.T) {
	t.Parallel()
	o := options()
	o.HasMonitor, o.HasCrowd = false, false
	body := get(t, o, "GET", "/").body
	for _, absent := range []string{"/inbox", "/api/v", "/crowd", "lamps", "data-monitor", "demo pace"} {
		if strings.Contains(body, absent) {
			t.Errorf("without a monitor, the page still contains %q", absent)
		}
	}
	for _, present := range []string{"Break something", "/docs", "/faults"} {
		if !strings.Contains(body, present) {
			t.Errorf("without a monitor, the page does not contain %q", present)
		}
	}

	o = options()
	o.HasAPI, o.HasCrowd, o.Targets = false, false, []string{"http://shop.example:5000/", "http://b.example"}
	body = get(t, o, "GET", "/").body
	for _, absent := range []string{"/docs", "/faults", "data-plan", "data-patch", "Break something"} {
		if strings.Contains(body, absent) {
			t.Errorf("the page of onsale monitor still contains %q", absent)
		}
	}
	body = get(t, o, "GET", "/runbooks/HighFailureRate").body
	if !strings.Contains(body, "shop.example:5000/faults") || strings.Contains(body, "data-p") {
		t.Errorf("the runbook of onsale monitor must contain the target's /faults and no button:\n%s", body)
	}
}

// TestEscapes checks that texts from clients and options never become markup.
func TestEscapes(t *testing.T) {
	t.Parallel()
	o := options()
	o.Service, o.Version, o.Targets = hostile, hostile, []string{hostile}
	o.Alerts = []catalog.Alert{{
		Name: "Strange", Severity: catalog.Severity(hostile), Expr: hostile, Meaning: hostile, Steps: []string{hostile},
		Provoke: catalog.Provocation{Faults: `{"a":"'; rm -rf /; '` + hostile + `"}`, Also: hostile},
	}}
	for _, api := range []bool{true, false} {
		o.HasAPI = api
		for _, path := range []string{"/", "/runbooks/", "/runbooks/Strange"} {
			if body := get(t, o, "GET", path).body; strings.Contains(body, "<img src=x") {
				t.Errorf("%s contains hostile markup:\n%s", path, body)
			}
		}
	}
}

// TestCommand checks that commands for copying are quoted for a shell.
func TestCommand(t *testing.T) {
	t.Parallel()
	o := options()
	o.Alerts[0].Provoke.Faults = `{"a":"it's"}`
	body := get(t, o, "GET", "/runbooks/HighFailureRate").body
	want := `curl -X PATCH &#39;http://127.0.0.1:8000/faults&#39; -H &#39;Content-Type: application/json&#39; -d &#39;{&#34;a&#34;:&#34;it&#39;\&#39;&#39;s&#34;}&#39;`
	if !strings.Contains(body, want) {
		t.Errorf("the page does not contain\n%s\nbut\n%s", want, body)
	}
	body = get(t, o, "GET", "/", "Host", "a`reboot`.example").body
	if strings.Contains(body, "reboot") || !strings.Contains(body, "http://localhost") {
		t.Error("a host with special characters of a shell is in a command")
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*console.Options){
		"Logger": func(o *console.Options) { o.Logger = nil },
		"Job":    func(o *console.Options) { o.Job = "" },
		"Pace":   func(o *console.Options) { o.Pace.Scrape = time.Millisecond },
	} {
		o := options()
		change(&o)
		if _, err := console.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s the error is %v", name, err)
		}
	}
	if _, err := console.New(console.Options{HasAPI: true, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Errorf("only an API: %v", err)
	}
}

// TestKnobs checks that the front page offers all faults of the real catalogue.
func TestKnobs(t *testing.T) {
	t.Parallel()
	o := options()
	o.Alerts = catalog.Alerts(catalog.DefaultSettings(), o.Pace)
	body := get(t, o, "GET", "/").body
	for _, knob := range []string{"Make calls fail", "Make everything slow", "Break the database", "Hide the metrics", "Burn the CPU"} {
		if !strings.Contains(body, ">"+knob+"</button>") {
			t.Errorf("the page does not offer to %q", knob)
		}
	}
	for _, a := range o.Alerts {
		page := get(t, o, "GET", "/runbooks/"+a.Name)
		if page.status != http.StatusOK || !strings.Contains(page.body, html.EscapeString(a.Steps[0])) {
			t.Errorf("the runbook of %s has the status %d, or lacks the first step", a.Name, page.status)
		}
	}
}
