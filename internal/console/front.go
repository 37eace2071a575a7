package console

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"onsale/internal/catalog"
)

// frontView is what the template of / shows.
type frontView struct {
	Options

	// Origin is the address of this page, API that of the calls that commands make.
	Origin, API string
	// Window is the least window of rates, in seconds.
	Window int
	// Ranges are the spans of time that may be drawn, the first by default.
	Ranges        []span
	Tiles, Charts []catalog.Panel
	Rows          []alertRow
	Knobs         []knob
	Queries       []example
	// Run is the expression that the address brings along, if it is a known one.
	// Any other is filled in and waits: a link must not run what costs much.
	Run    string
	Places []place
}

// alertRow is an alert in the table.
type alertRow struct {
	catalog.Alert

	// About is the first sentence of the alert's meaning.
	About string
	// Try is how to see it on purpose here.
	Try provocation
}

// place is something that is found at this address.
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

// places lists what is where, for those who came with curl or Grafana.
func places(o Options) []place {
	var list []place
	if o.HasAPI {
		list = append(list,
			place{"/docs", "The API, to read and to try"},
			place{"/concerts", "The concerts on sale"},
			place{"/books", "The books: do counters and purchases agree?"},
			place{"/metrics", "The metrics that Prometheus scrapes"},
			place{"/faults", "What goes wrong on purpose; PUT sets it, PATCH changes it"},
		)
	}
	if o.HasCrowd {
		list = append(list, place{"/crowd", "The demo crowd; PUT changes it"})
	}
	if o.HasMonitor {
		list = append(list,
			place{"/api/v1/query?query=up", "Prometheus's API: a PromQL query"},
			place{"/api/v1/rules", "Its rules, with the state of each"},
			place{"/api/v1/targets", "Its targets"},
			place{"/api/v2/alerts", "Alertmanager's API: alerts that fire"},
			place{"/api/v2/silences", "Its silences"},
			place{"/coverage", "Which alerts can be judged, and what the others lack"},
			place{"/inbox", "The last notifications, as Discord gets them"},
		)
	}
	return append(list, place{"/runbooks/", "What each alert means and what to do"})
}

// api returns the base URL of the API that commands call. What is scraped may
// have a path of its own.
func (c *console) api(r *http.Request) string {
	if !c.options.HasAPI && len(c.options.Targets) > 0 {
		if u, err := url.Parse(c.options.Targets[0]); err == nil && isPlainHost(u.Host) {
			return u.Scheme + "://" + u.Host
		}
	}
	return origin(r)
}

// origin returns the address that the page was asked for at. Behind a proxy
// that ends TLS it has the wrong scheme, which the script mends.
func origin(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	if !isPlainHost(r.Host) {
		return scheme + "localhost" // it would end up in a command that people copy
	}
	return scheme + r.Host
}

// isPlainHost reports whether a Host has nothing in it that means something to
// a shell.
func isPlainHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		plain := r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(".-:[]", r))
		return !plain
	})
}

// firstSentence cuts a text behind its first full stop that a space follows.
func firstSentence(text string) string {
	if sentence, _, found := strings.Cut(text, ". "); found {
		return sentence + "."
	}
	return text
}
