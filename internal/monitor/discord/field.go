package discord

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
)

const (
	// maxTail limits the times and links after an alert's text, in UTF-16 code units.
	// At least a third of the field is left for the text.
	maxTail = 680
	// maxPath limits the path of a runbook that is not a link.
	maxPath = 200
	// clock is the format of times. They are in UTC because readers are anywhere.
	clock = "2006-01-02 15:04:05 UTC"
)

// field describes one alert: its labels, summary, description, times and links. It
// leaves the summary out if all alerts share it.
func field(a *alert.Alert, shared string) Field {
	name := escape(apart(a), maxFieldName)
	if name == "" {
		name = escape(line(a.Name()), maxFieldName)
	}
	if name == "" {
		name = "–"
	}
	tail := times(a)
	for _, more := range []string{runbook(a), linked("Source", a.GeneratorURL)} {
		if more != "" && length(tail)+length(more)+1 <= maxTail {
			tail += "\n" + more
		}
	}
	var text []string
	if s := summary(a); s != shared {
		text = append(text, s)
	}
	if d := lines(string(a.Annotations["description"])); d != "" {
		text = append(text, d)
	}
	if len(text) == 0 {
		return Field{Name: name, Value: tail}
	}
	return Field{Name: name, Value: escape(strings.Join(text, "\n"), maxFieldValue-1-length(tail)) + "\n" + tail}
}

// times returns when an alert started or, if it has resolved, how long it lasted.
func times(a *alert.Alert) string {
	since := a.StartsAt.UTC().Format(clock)
	if a.EndsAt.IsZero() {
		return "Since " + since
	}
	return fmt.Sprintf("Lasted %s, from %s to %s", a.EndsAt.Sub(a.StartsAt).Round(time.Second), since, a.EndsAt.UTC().Format(clock))
}

// runbook returns a link to the alert's runbook. In the files under deploy/ the
// annotation is a path in the repository, which is shown as text.
func runbook(a *alert.Alert) string {
	where := string(a.Annotations["runbook_url"])
	if where == "" {
		where = string(a.Annotations["runbook"])
	}
	if link := linked("Runbook", where); link != "" {
		return link
	}
	if where = line(where); where != "" {
		return "Runbook: " + escape(where, maxPath)
	}
	return ""
}
