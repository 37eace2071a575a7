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

	// Origin is the address of this page, API that of the calls that commands make.
	Origin, API string
}

// runbooks lists them all.
func (c *console) runbooks(w http.ResponseWriter, r *http.Request) {
	rows := make([]alertRow, 0, len(c.options.Alerts))
	for _, a := range c.options.Alerts {
		rows = append(rows, alertRow{a, firstSentence(a.Meaning)})
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
	c.render(w, r, "runbook.html", runbookView{c.options, c.options.Alerts[i], origin(r), c.api(r)})
}

// knob is a fault that the front page offers to turn on, by an alert that it
// provokes.
type knob struct{ Title, Alert, Plan string }

// knobs picks the faults that tell most to somebody who sees this for the first
// time, as far as the catalogue has them.
func knobs(alerts []catalog.Alert) []knob {
	var list []knob
	for _, k := range []knob{
		{Title: "Make calls fail", Alert: "HighFailureRate"},
		{Title: "Make everything slow", Alert: "HighLatency"},
		{Title: "Break the database", Alert: "DatabaseErrors"},
		{Title: "Hide the metrics", Alert: "InstanceDown"},
		{Title: "Burn the CPU", Alert: "HighCPU"},
	} {
		i := slices.IndexFunc(alerts, func(a catalog.Alert) bool { return a.Name == k.Alert && a.Provoke.Faults != "" })
		if i >= 0 {
			k.Plan = alerts[i].Provoke.Faults
			list = append(list, k)
		}
	}
	return list
}

// functions are what the templates call.
var functions = template.FuncMap{"curl": curl}

// curl returns the command that sets a fault plan. On an address that is not
// loopback it needs the admin token, which no page knows.
func curl(api, plan string) string {
	return "curl -X PUT " + shellQuote(api+"/faults") + " -H 'Content-Type: application/json' -d " + shellQuote(plan)
}

// shellQuote puts a text into single quotes, in which a POSIX shell takes
// everything but the quote itself for what it is.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
