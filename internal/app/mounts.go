package app

import (
	"fmt"
	"net/http"
	"net/url"

	"onsale/internal/catalog"
	"onsale/internal/console"
	"onsale/internal/server"
)

// mounts returns the routes of the monitoring.
func mounts(prometheus, alertmanager, inbox, coverage http.Handler) []server.Mount {
	return []server.Mount{
		{Pattern: "/api/v1/", Handler: prometheus}, // no call of it writes
		{Pattern: "GET /-/healthy", Handler: prometheus},
		{Pattern: "GET /-/ready", Handler: prometheus},
		{Pattern: "/api/v2/", Handler: alertmanager, Access: server.AdminWrites},
		{Pattern: "GET /inbox", Handler: inbox},
		{Pattern: "GET /coverage", Handler: coverage},
		{Pattern: "GET /graph", Handler: http.HandlerFunc(graph), Page: true},
	}
}

// probes returns the routes of the health checks of `onsale monitor`. They have the same
// paths as those of the API.
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

// graph redirects the links to Prometheus in alerts to the query on the page.
func graph(w http.ResponseWriter, r *http.Request) {
	query := url.Values{"query": {r.URL.Query().Get("g0.expr")}}
	http.Redirect(w, r, "/?"+query.Encode()+"#query", http.StatusFound)
}

// stressMounts returns the routes of the load tests' API, which is for admins only.
func stressMounts(handler http.Handler) []server.Mount {
	return []server.Mount{
		{Pattern: "/stress", Handler: handler, Access: server.Admin},
		{Pattern: "/stress/", Handler: handler, Access: server.Admin},
	}
}

// page adds the options of the page that depend on the monitoring.
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
