package catalog

import (
	"fmt"
	"strings"
)

// Runbook returns a Markdown page about what the alert means and what to do. It
// shows the expression at the alert's pace.
func Runbook(a Alert) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- %s -->\n\n# %s\n\n", Generated, a.Name)
	fmt.Fprintf(&b, "Severity: **%s**. It fires %s.\n\n", a.Severity, after(a))
	fmt.Fprintf(&b, "## What it means\n\n%s\n\n", a.Meaning)
	fmt.Fprintf(&b, "## What to do\n\n")
	for i, step := range a.Steps {
		fmt.Fprintf(&b, "%d. %s\n", i+1, step)
	}
	fmt.Fprintf(&b, "\n## The condition\n\n```promql\n%s\n```\n\n", a.Expr)
	fmt.Fprintf(&b, "## How to provoke it\n\n")
	if a.Provoke.Faults != "" {
		fmt.Fprintf(&b, "This patch of the fault plan ends by itself and does not change other faults:\n\n"+
			"```sh\ncurl -X PATCH http://127.0.0.1:8000/faults \\\n  -H 'Content-Type: application/json' \\\n  -d '%s'\n```\n\n", a.Provoke.Faults)
	}
	if a.Provoke.Also != "" {
		fmt.Fprintf(&b, "%s\n", a.Provoke.Also)
	}
	if len(a.Provoke.Fires) > 0 {
		fmt.Fprintf(&b, "\nThis also fires %s.\n", strings.Join(a.Provoke.Fires, ", "))
	}
	return []byte(strings.TrimRight(b.String(), "\n") + "\n")
}

// after describes when an alert fires and how long it keeps firing.
func after(a Alert) string {
	text := "immediately"
	if a.For > 0 {
		text = "when its condition has been true for " + span(a.For)
	}
	if a.KeepFiringFor > 0 {
		text += ", and keeps firing for " + span(a.KeepFiringFor) + " after the condition ends"
	}
	return text
}

// RunbookIndex returns the page that lists the runbooks, in Markdown.
func RunbookIndex(alerts []Alert) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- %s -->\n\n# Runbooks\n\n"+
		"One page per alert: what it means, what to do, and how to provoke it.\n\n"+
		"| Alert | Severity | When | Provoked by |\n|---|---|---|---|\n", Generated)
	for _, a := range alerts {
		when, _, _ := strings.Cut(a.Meaning, ". ")
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s | %s |\n", a.Name, a.Name, a.Severity, cell(when), provokedBy(a.Provoke))
	}
	return []byte(b.String())
}

func provokedBy(p Provocation) string {
	if p.Faults != "" {
		return "`" + cell(p.Faults) + "`"
	}
	return cell(p.Also)
}

// cell escapes a text for a table cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
