package console_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/console"
)

// hostile is a text that a client may inject into labels, titles and messages.
const hostile = `<img src=x onerror="window.struck=1">`

// alerts returns a small catalogue with all severities.
func alerts() []catalog.Alert {
	return []catalog.Alert{
		{
			Name: "HighFailureRate", Severity: catalog.Critical, For: 5 * time.Second,
			Expr:    `sum(rate(http_requests_total{status=~"5.."}[5s])) > 0.02`,
			Meaning: "More than 2 % of all calls fail. Sold out is not a failure.",
			Steps:   []string{"Look at which route fails.", "Look at the log."},
			Provoke: catalog.Provocation{
				Faults: `{"routes":{"/buy/{concert_id}":{"error":0.5,"for":"1m"}}}`, Also: "It needs traffic.", Fires: []string{"DatabaseErrors", "ItemErrors", "HighLatency"},
			},
		},
		{
			Name: "HighLatency", Severity: catalog.Warning, For: 5 * time.Second, Expr: `vector(1) > 5`,
			Meaning: "Answers take too long.",
			Provoke: catalog.Provocation{Faults: `{"routes":{"/buy/{concert_id}":{"delay":{"fixed":"8s"}}}}`},
		},
		{
			Name: "InstanceDown", Severity: catalog.Critical, For: 5 * time.Second, Expr: `up < 1`,
			Meaning: "A target does not answer.", Provoke: catalog.Provocation{Faults: `{"scrape_outage":true}`},
		},
		{Name: "HighDenialRate", Severity: catalog.Warning, Expr: `vector(1) > 5`, Meaning: "Many purchases are denied."},
		{Name: "HighCPU", Severity: catalog.Warning, Expr: `cpu_usage_percent > 90`, Meaning: "The machine is busy.", Provoke: catalog.Provocation{Faults: `{"cpu":{"share":0.95,"for":"1m"}}`}},
		{
			Name: "HighMemory", Severity: catalog.Warning, Expr: `memory_usage_percent > 90`, Meaning: "Memory runs out.",
			Provoke: catalog.Provocation{
				Faults: `{"memory":{"percent":92,"for":"1m"}}`, Also: "Or use it up.",
				Fit: func(s catalog.Site) catalog.Attempt {
					if s.MemoryTotal < 1<<30 {
						return catalog.Attempt{Cannot: "Too little memory: 1 GiB is enough."}
					}
					return catalog.Attempt{Within: 40 * time.Second, Slow: "Memory is filled first."}
				},
			},
		},
		{Name: "DatabaseErrors", Severity: catalog.Critical, Expr: `vector(1) > 5`, Meaning: "The database fails.", Provoke: catalog.Provocation{Faults: `{"database":{"error":0.5}}`}},
		{Name: "DatabaseSlow", Severity: catalog.Warning, Expr: `vector(1) > 5`, Meaning: "The database is slow."},
		{Name: "QueueFilling", Severity: catalog.Warning, Expr: `vector(1) > 5`, Meaning: "Orders come faster than they are written."},
		{Name: "ItemErrors", Severity: catalog.Warning, Expr: `vector(1) > 5`, Meaning: "Item calls fail."},
		{Name: "ConcertSoldOut", Severity: catalog.Info, Expr: `vector(1) > 5`, Meaning: "A concert has no tickets left."},
		{Name: "BooksDoNotBalance", Severity: catalog.Critical, Expr: `vector(1) > 5`, Meaning: "Counters and purchases disagree."},
	}
}

// options returns the options of `onsale up` at the demo pace.
func options() console.Options {
	return console.Options{
		Version: "1.2.3", HasAPI: true, HasMonitor: true, HasCrowd: true, Job: "ticket_system",
		Site: func() catalog.Site { return catalog.Site{Users: 25} },
		Pace: catalog.Demo(), Targets: []string{"http://127.0.0.1:8000"}, Alerts: alerts(),
		Logger: slog.New(slog.DiscardHandler),
	}
}

// backend serves the page and made-up responses to all its calls.
type backend struct {
	*httptest.Server

	mu    sync.Mutex
	plans []string // the bodies of PUT and PATCH /faults
	asked []string // the instant queries
	// status is the status of admin calls.
	status int
	// broken is the scrape error of the target that is down; empty means a short
	// error.
	broken string
	// bare is true if the target lacks all series that only Onsale has.
	bare bool
	// quiet is true if no alert is active.
	quiet bool
	// coverage is why some alerts cannot fire, by alert. The others can.
	coverage map[string]string
	// away is true if GET /coverage fails.
	away bool
}

func newBackend(t *testing.T, o console.Options) *backend {
	t.Helper()
	page, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{status: http.StatusOK}
	mux := http.NewServeMux()
	mux.Handle("/", page)
	for path, answer := range map[string]func() any{
		"GET /api/v1/rules":   b.rules,
		"GET /api/v1/targets": b.targets,
		"GET /api/v2/alerts":  silenced,
		"GET /inbox":          inbox,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { reply(w, http.StatusOK, answer()) })
	}
	mux.HandleFunc("GET /coverage", b.covered)
	mux.HandleFunc("GET /api/v1/query", func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		b.asked = append(b.asked, r.FormValue("query"))
		b.mu.Unlock()
		if r.FormValue("query") == "up{" {
			reply(w, http.StatusBadRequest, object{"status": "error", "error": "parse error: " + hostile})
			return
		}
		reply(w, http.StatusOK, data("vector", object{"metric": object{"__name__": "up", "instance": hostile}, "value": []any{1, "1"}}))
	})
	mux.HandleFunc("GET /api/v1/query_range", b.queryRange)
	mux.HandleFunc("GET /faults", b.faults)
	mux.HandleFunc("PUT /faults", b.faults)
	mux.HandleFunc("PATCH /faults", b.faults)
	mux.HandleFunc("GET /crowd", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, object{"users": 25, "scenario": "tickets", "max_users": 500, "scenarios": []string{"tickets", "tickets-random-deny", "items"}})
	})
	b.Server = httptest.NewServer(mux)
	t.Cleanup(b.Close)
	return b
}

type object map[string]any

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func data(kind string, result ...any) object {
	return object{"status": "success", "data": object{"resultType": kind, "result": append([]any{}, result...)}}
}

func ago(d time.Duration) string { return time.Now().Add(-d).Format(time.RFC3339Nano) }

// rules returns a firing, a pending, a silenced and an informational alert, and one
// that is not in the catalogue.
func (b *backend) rules() any {
	var list []any
	for _, a := range alerts() {
		state, active := "inactive", []any{}
		name := a.Name
		if b.quiet {
			name = ""
		}
		switch name {
		case "HighFailureRate", "DatabaseSlow", "ConcertSoldOut":
			state = "firing"
		case "HighLatency":
			state = "pending"
		}
		if state != "inactive" {
			active = []any{object{
				"state": state, "activeAt": ago(9 * time.Second), "value": "1.5333333e-01", "labels": object{},
				"annotations": object{"summary": "15 % of calls fail " + hostile},
			}}
		}
		list = append(list, object{
			"type": "alerting", "name": a.Name, "state": state, "duration": 12, "health": "ok",
			"labels": object{"severity": a.Severity}, "alerts": active,
		})
	}
	list = append(list, object{
		"type": "alerting", "name": "Mine" + hostile, "state": "inactive", "duration": 0,
		"labels": object{"severity": hostile}, "alerts": []any{},
	})
	return object{"status": "success", "data": object{"groups": []any{object{"name": "onsale", "rules": list}}}}
}

// covered responds in the format of package coverage.
func (b *backend) covered(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		reply(w, http.StatusServiceUnavailable, object{"title": "Service Unavailable"})
		return
	}
	list := []any{}
	note := ""
	for _, a := range alerts() {
		state, reason := "judged", b.coverage[a.Name]
		switch {
		case strings.HasPrefix(reason, "no target"):
			state = "unknown"
		case strings.HasPrefix(reason, "no "):
			state = "no_series"
		}
		list = append(list, object{"name": a.Name, "state": state, "instances": 1, "missing": []string{}, "reason": reason})
	}
	if len(b.coverage) > 0 {
		note = fmt.Sprintf("%d of %d alerts have no series", len(b.coverage), len(list))
	}
	reply(w, http.StatusOK, object{"job": "ticket_system", "note": note, "alerts": list})
}

func (b *backend) targets() any {
	target := func(url, health, err string) object {
		return object{
			"scrapeUrl": url, "scrapePool": "ticket_system", "labels": object{"job": "ticket_system"}, "health": health,
			"lastScrape": ago(700 * time.Millisecond), "lastScrapeDuration": 0.0062, "lastError": err,
		}
	}
	return object{"status": "success", "data": object{"activeTargets": []any{
		target("http://127.0.0.1:8000/metrics", "up", ""),
		target("http://127.0.0.1:8001/metrics", "down", cmp.Or(b.broken, "connection refused "+hostile)),
	}}}
}

func silenced() any {
	return []any{object{"labels": object{"alertname": "DatabaseSlow"}, "status": object{"state": "suppressed", "silencedBy": []string{"x"}}}}
}

// queryRange returns wave-like series that depend on the query.
func (b *backend) queryRange(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("query")
	if !strings.Contains(query, "ALERTS") && !strings.Contains(query, "ticket_system") {
		reply(w, http.StatusBadRequest, object{"status": "error", "error": "a query without its job: " + query})
		return
	}
	wave := func(metric object, mean, swing float64) object {
		start, _ := strconv.ParseFloat(r.FormValue("start"), 64)
		end, _ := strconv.ParseFloat(r.FormValue("end"), 64)
		step, _ := strconv.ParseFloat(r.FormValue("step"), 64)
		var values []any
		for t := start; t <= end; t += step {
			v := mean + swing*(math.Sin(t/23+mean)+0.6*math.Sin(t/5.3+mean*3)+0.3*math.Sin(t*2.1))
			values = append(values, []any{t, fmt.Sprint(math.Max(0, v))})
		}
		return object{"metric": metric, "values": values}
	}
	b.mu.Lock()
	bare := b.bare
	b.mu.Unlock()
	switch {
	case strings.Contains(query, "ALERTS"):
		now, _ := strconv.ParseFloat(r.FormValue("end"), 64)
		values := []any{[]any{now - 63, "1"}, []any{now - 60, "1"}, []any{now - 57, "1"}}
		if strings.Contains(query, "pending") {
			values = []any{[]any{now - 72, "1"}, []any{now - 69, "1"}, []any{now - 66, "1"}, []any{now - 63, "1"}}
		}
		reply(w, http.StatusOK, data("matrix", object{"metric": object{}, "values": values}))
	case bare && strings.Contains(query, "onsale_") && !strings.Contains(query, " or "):
		reply(w, http.StatusOK, data("matrix"))
	case strings.Contains(query, "by (method, endpoint)"):
		var series []any
		for i, route := range []string{"/concerts", "/buy/{concert_id}", "/api/items", "/api/token", "/api/items/{item_id}", "/faults", "/books", "/crowd" + hostile, "/purchases"} {
			method := "GET"
			if i == 1 || i == 2 {
				method = "POST"
			}
			series = append(series, wave(object{"method": method, "endpoint": route}, 6/float64(i+1), 0.5/float64(i+1)))
		}
		reply(w, http.StatusOK, data("matrix", series...))
	case strings.Contains(query, "by (outcome)"):
		reply(w, http.StatusOK, data("matrix", wave(object{"outcome": "sold"}, 2.2, 0.3), wave(object{"outcome": "sold_out"}, 0.3, 0.3), wave(object{"outcome": "denied"}, 0.2, 0.1), wave(object{"outcome": "failed"}, 0, 0)))
	default:
		mean := map[bool]float64{true: 2.4, false: 8.1}[strings.Contains(query, "quantile")]
		switch {
		case strings.Contains(query, "capacity"):
			mean = 25000
		case strings.Contains(query, "tickets_sold"):
			mean = 12871
		case strings.Contains(query, "0.95"):
			mean = 3.7
		case strings.Contains(query, "outcome=\"denied\""), strings.Contains(query, "sold_out"):
			mean = 1.2
		case strings.Contains(query, "100 *"):
			mean = 0.6
		}
		reply(w, http.StatusOK, data("matrix", wave(object{}, mean, mean/14)))
	}
}

// inbox responds in the format of package discord.
func inbox() any {
	return object{"notifications": []any{
		object{
			"id": 2, "time": ago(4 * time.Second), "status": "firing", "severity": "critical", "alerts": []string{"HighFailureRate"},
			"payload": object{"username": "Onsale", "embeds": []any{object{
				"title": "[FIRING:1] HighFailureRate " + hostile, "description": "15.3 % of calls fail", "color": 0xE74C3C,
				"fields": []any{object{
					"name":  "job=ticket\\_system",
					"value": "Buyers get errors instead of tickets. \\<script\\> " + hostile + "\nSince 2026-11-22 05:13:40 UTC\n[Runbook](http://127.0.0.1:8000/runbooks/HighFailureRate)\n[no](javascript:window.struck=2)",
				}},
				"footer": object{"text": "critical"},
			}}},
			"delivery": object{"state": "delivering", "attempts": 1, "last_error": "answered 429 " + hostile},
		},
		object{
			"id": 1, "time": ago(3 * time.Minute), "status": "resolved", "severity": "critical", "alerts": []string{"InstanceDown"},
			"payload": object{"username": "Onsale", "embeds": []any{object{
				"title": "[RESOLVED] InstanceDown", "description": "127.0.0.1:8000 answers again.", "color": 0x2ECC71, "fields": []any{},
			}}},
			"delivery": object{"state": "kept", "attempts": 0},
		},
	}}
}

func (b *backend) faults(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status != http.StatusOK {
		reply(w, b.status, object{"title": "Unauthorized", "detail": "This call needs the admin token."})
		return
	}
	if r.Method != http.MethodGet {
		var plan json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&plan)
		b.plans = append(b.plans, r.Method+" "+string(plan))
	}
	reply(w, http.StatusOK, object{"version": 3, "summary": "faults on: /api/items delay 100ms to 500ms; /buy/{concert_id} delay 1s to 4s; /buy_random_deny/{concert_id} delay 1s to 4s, deny 9.9 %", "active": []string{"delay", "deny"}, "in_force": []any{
		object{"fault": `routes["/buy/{concert_id}"].delay`, "words": "/buy/{concert_id} delay 1s to 4s", "end": object{"routes": object{"/buy/{concert_id}": object{"delay": nil}}}},
		object{"fault": `routes["/buy_random_deny/{concert_id}"].deny`, "words": "/buy_random_deny/{concert_id} deny 9.9 % " + hostile, "end": object{"routes": object{"/buy_random_deny/{concert_id}": object{"deny": nil}}}},
		object{"fault": "database.error", "words": "database error 50 %", "left_seconds": 43.2, "end": object{"database": object{"error": nil}}},
	}})
}
