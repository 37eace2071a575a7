package console

import (
	"html/template"
	"net/http"
	"slices"
	"strings"

	"onsale/internal/catalog"
)

// runbookView is the data for the template of a runbook.
type runbookView struct {
	Options
	catalog.Alert

	// Try is how to provoke the alert on this server.
	Try provocation
	// Origin is the base URL of this page, and API the base URL for the commands.
	Origin, API string
}

// runbooks shows the list of all runbooks.
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

// runbook shows one runbook.
func (c *console) runbook(w http.ResponseWriter, r *http.Request) {
	i := slices.IndexFunc(c.options.Alerts, func(a catalog.Alert) bool { return a.Name == r.PathValue("name") })
	if i < 0 {
		http.Error(w, "No such runbook. For a list, see /runbooks/.", http.StatusNotFound)
		return
	}
	a := c.options.Alerts[i]
	c.render(w, r, "runbook.html", runbookView{c.options, a, c.provoke(a, c.site()), origin(r), c.api(r)})
}

// knob is a fault that the front page offers, with an alert that it provokes.
type knob struct {
	Title, Alert string
	provocation
}

// knobs returns the faults that show most to a new user, as far as the catalogue
// contains their alerts.
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

// functions are the functions of the templates.
var functions = template.FuncMap{"curl": curl}

// curl returns the command that sets a fault plan with PUT or changes it with
// PATCH. Remote callers also need the admin token, which the page does not have.
func curl(method, api, plan string) string {
	return "curl -X " + method + " " + shellQuote(api+"/faults") + " -H 'Content-Type: application/json' -d " + shellQuote(plan)
}

// shellQuote quotes a text for a POSIX shell with single quotes.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
