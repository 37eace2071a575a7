package console

import (
	"html/template"
	"net/http"
	"slices"
	"strings"

	"onsale/internal/catalog"
)

// runbookView is what the template of a runbook shows.
type runbookView struct {
	Options
	catalog.Alert

	// Try is how to see it on purpose here.
	Try provocation
	// Origin is the address of this page, API that of the calls that commands make.
	Origin, API string
}

// runbooks lists them all.
func (c *console) runbooks(w http.ResponseWriter, r *http.Request) {
	rows := make([]alertRow, 0, len(c.options.Alerts))
	for _, a := range c.options.Alerts {
		rows = append(rows, alertRow{Alert: a, About: firstSentence(a.Meaning)})
	}
	c.render(w, r, "runbooks.html", struct {
		Options
		Rows []alertRow
	}{c.options, rows})
}

// runbook shows one.
func (c *console) runbook(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(c.options.Alerts, func(a catalog.Alert) bool { return a.Name == r.PathValue("name") })
	if i < 0 {
		http.Error(w, "There is no such runbook. All of them: /runbooks/", http.StatusNotFound)
		return
	}
	a := c.options.Alerts[i]
	c.render(w, r, "runbook.html", runbookView{c.options, a, c.provoke(a, c.site()), origin(r), c.api(r)})
}

// knob is a fault that the front page offers to turn on, by an alert that it
// provokes.
type knob struct {
	Title, Alert string
	provocation
}

// knobs picks the faults that tell most to somebody who sees this for the first
// time, as far as the catalogue has them.
func (c *console) knobs(site *catalog.Site) []knob {
	var list []knob
	for _, k := range []knob{
		{Title: "Make calls fail", Alert: "HighFailureRate"},
		{Title: "Make everything slow", Alert: "HighLatency"},
		{Title: "Break the database", Alert: "DatabaseErrors"},
		{Title: "Hide the metrics", Alert: "InstanceDown"},
		{Title: "Burn the CPU", Alert: "HighCPU"},
	} {
		i := slices.IndexFunc(c.options.Alerts, func(a catalog.Alert) bool { return a.Name == k.Alert && a.Provoke.Faults != "" })
		if i >= 0 {
			k.provocation = c.provoke(c.options.Alerts[i], site)
			list = append(list, k)
		}
	}
	return list
}

// functions are what the templates call.
var functions = template.FuncMap{"curl": curl}

// curl returns the command that sets a fault plan by PUT, or changes it by PATCH.
// On an address that is not loopback it needs the admin token, which no page knows.
func curl(method, api, plan string) string {
	return "curl -X " + method + " " + shellQuote(api+"/faults") + " -H 'Content-Type: application/json' -d " + shellQuote(plan)
}

// shellQuote puts a text into single quotes, in which a POSIX shell takes
// everything but the quote itself for what it is.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
