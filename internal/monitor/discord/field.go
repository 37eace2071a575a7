package discord

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
)

const (
	// maxTail bounds what follows an alert's text in its field: times and links.
	// The rest, a third of the field at least, is for the text.
	maxTail = 680
	// maxPath bounds the place of a runbook that is not a link.
	maxPath = 200
	// clock is how times are written. Always UTC, because readers are anywhere.
	clock = "2006-01-02 15:04:05 UTC"
)

// field tells of one alert: which it is, what it means, since when, and where
// to read on. The summary is left out where all alerts share it.
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

// times says since when an alert fires, or how long it did.
func times(a *alert.Alert) string {
	since := a.StartsAt.UTC().Format(clock)
	if a.EndsAt.IsZero() {
		return "Since " + since
	}
	return fmt.Sprintf("Lasted %s, from %s to %s", a.EndsAt.Sub(a.StartsAt).Round(time.Second), since, a.EndsAt.UTC().Format(clock))
}

// runbook says where the alert's runbook is. In the files under deploy/ that
// is a path in the repository, which is no link.
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
