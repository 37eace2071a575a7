package console

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"onsale/internal/catalog"
)

// frontView is the data for the template of /.
type frontView struct {
	Options

	// Origin is the base URL of this page, and API the base URL for the commands.
	Origin, API string
	// Window is the minimum window of rates, in seconds.
	Window int
	// Ranges are the time ranges of the charts. The first is the default.
	Ranges        []span
	Tiles, Charts []catalog.Panel
	Rows          []alertRow
	Knobs         []knob
	Queries       []example
	// Run is the expression in the page's URL, if it is a known one. An unknown
	// expression is filled in but does not run, because a link must not start an
	// expensive query.
	Run    string
	Places []place
}

// alertRow is an alert in the table.
type alertRow struct {
	catalog.Alert

	// About is the first sentence of the alert's meaning.
	About string
	// Try is how to provoke the alert on this server.
	Try provocation
}

// place is a path of this address with a description.
type place struct{ Path, About string }

// front shows the page at /.
func (c *console) front(w http.ResponseWriter, r *http.Request) {
	o, site := c.options, c.site()
	view := frontView{
		Options: o,
		Origin:  origin(r),
		API:     c.api(r),
		Window:  int(rateWindow(o.Pace).Seconds()),
		Knobs:   c.knobs(site),
		Places:  places(o),
	}
	if o.HasMonitor {
		view.Ranges = ranges(o.Pace)
		view.Tiles, view.Charts = tiles(o.Job), charts(o.Job)
		view.Queries = examples(o.Job)
		if query := r.URL.Query().Get("query"); c.known[query] {
			view.Run = query
		}
		for _, a := range o.Alerts {
			view.Rows = append(view.Rows, alertRow{a, firstSentence(a.Meaning), c.provoke(a, site)})
		}
	}
	c.render(w, r, "front.html", view)
}

// places lists the paths, for users of curl and Grafana.
func places(o Options) []place {
	var list []place
	if o.HasAPI {
		list = append(list,
			place{"/docs", "API documentation, with a form to try each call"},
			place{"/concerts", "Concerts on sale"},
			place{"/books", "Ledger: tickets sold and tickets on receipts"},
			place{"/metrics", "Metrics for Prometheus"},
			place{"/faults", "Injected faults; PUT sets the plan, PATCH changes it"},
		)
	}
	if o.HasCrowd {
		list = append(list, place{"/crowd", "Demo users; PUT changes their number"})
	}
	if o.HasMonitor {
		list = append(list,
			place{"/api/v1/query?query=up", "Prometheus API: a PromQL query"},
			place{"/api/v1/rules", "Prometheus API: rules and their states"},
			place{"/api/v1/targets", "Prometheus API: targets"},
			place{"/api/v2/alerts", "Alertmanager API: firing alerts"},
			place{"/api/v2/silences", "Alertmanager API: silences"},
			place{"/coverage", "Which alerts can fire, and which series the others lack"},
			place{"/inbox", "Latest notifications, in the form sent to Discord"},
		)
	}
	return append(list, place{"/runbooks/", "What each alert means and what to do"})
}

// api returns the base URL of the API for the commands. It drops the path of the
// target, which may be that of its metrics page.
func (c *console) api(r *http.Request) string {
	if !c.options.HasAPI && len(c.options.Targets) > 0 {
		if u, err := url.Parse(c.options.Targets[0]); err == nil && isPlainHost(u.Host) {
			return u.Scheme + "://" + u.Host
		}
	}
	return origin(r)
}

// origin returns the base URL of the request. Behind a proxy that terminates TLS,
// the scheme is wrong; the script corrects it.
func origin(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	if !isPlainHost(r.Host) {
		return scheme + "localhost" // people copy it in a command
	}
	return scheme + r.Host
}

// isPlainHost reports whether a Host contains no characters that are special in a
// shell.
func isPlainHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		plain := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(".-:[]", r))
		return !plain
	})
}

// firstSentence returns a text up to its first full stop before a space.
func firstSentence(text string) string {
	if sentence, _, found := strings.Cut(text, ". "); found {
		return sentence + "."
	}
	return text
}
