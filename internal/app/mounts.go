package app

import (
	"fmt"
	"net/http"
	"net/url"

	"onsale/internal/catalog"
	"onsale/internal/console"
	"onsale/internal/server"
)

// mounts are where the parts of the monitoring answer.
func mounts(prometheus, alertmanager, inbox, coverage http.Handler) []server.Mount {
	return []server.Mount{
		{Pattern: "/api/v1/", Handler: prometheus}, // it has no call that writes
		{Pattern: "GET /-/healthy", Handler: prometheus},
		{Pattern: "GET /-/ready", Handler: prometheus},
		{Pattern: "/api/v2/", Handler: alertmanager, Access: server.AdminWrites},
		{Pattern: "GET /inbox", Handler: inbox},
		{Pattern: "GET /coverage", Handler: coverage},
		{Pattern: "GET /graph", Handler: http.HandlerFunc(graph), Page: true},
	}
}

// probes are the paths at which every server of Onsale says whether it lives and is ready:
// those of the API, answered by the monitoring where there is no API.
func probes(prometheus http.Handler) []server.Mount {
	at := func(path string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.URL.Path = path
			prometheus.ServeHTTP(w, r)
		})
	}
	return []server.Mount{
		{Pattern: "GET /health", Handler: at("/-/healthy")},
		{Pattern: "GET /ready", Handler: at("/-/ready")},
	}
}

// graph is where Prometheus's links in alerts lead: to the query on the page.
func graph(w http.ResponseWriter, r *http.Request) {
	query := url.Values{"query": {r.URL.Query().Get("g0.expr")}}
	http.Redirect(w, r, "/?"+query.Encode()+"#query", http.StatusFound)
}

// stressMounts are the paths of the load tester's API, for admins.
func stressMounts(handler http.Handler) []server.Mount {
	return []server.Mount{
		{Pattern: "/stress", Handler: handler, Access: server.Admin},
		{Pattern: "/stress/", Handler: handler, Access: server.Admin},
	}
}

// page fills in what the page says about the monitoring.
func (w Watch) page(o console.Options, local string) console.Options {
	pace, _ := catalog.ParsePace(w.Pace)
	o.HasMonitor, o.Job, o.Pace, o.DiscordSet = true, w.Settings.Job, pace, w.DiscordURL != "" && w.AlertmanagerConfig == ""
	o.Alerts = w.alerts(local)
	return o
}

func withPage(all []server.Mount, o console.Options) ([]server.Mount, error) {
	page, err := console.New(o)
	if err != nil {
		return nil, fmt.Errorf("make page: %w", err)
	}
	for _, pattern := range []string{"GET /{$}", "GET /ui/", "GET /runbooks/"} {
		all = append(all, server.Mount{Pattern: pattern, Handler: page, Page: true})
	}
	if o.Site != nil {
		all = append(all, server.Mount{Pattern: "GET /provocations", Handler: page})
	}
	return all, nil
}
