package discord

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/common/model"
)

// The colours of the bar next to a message.
const (
	red    = 0xE74C3C
	orange = 0xE67E22
	blue   = 0x3498DB
	grey   = 0x95A5A6
	green  = 0x2ECC71
)

const (
	// username is the sender of the message.
	username = "Onsale"
	// maxShown is how many alerts of one state are listed. Nobody reads a longer list
	// in a chat.
	maxShown = 10
	// maxSummary and maxNotes limit the text above and below the alerts, in UTF-16
	// code units, so that at least one alert fits into half a message.
	maxSummary = 1024
	maxNotes   = 64
)

// Message returns the Discord message for a group of alerts: one embed for the firing
// alerts and one for those that have resolved. It mentions m if a firing alert is
// critical. The message is within Discord's limits and shows labels and annotations
// literally, whatever they contain.
func Message(now time.Time, m Mention, alerts ...*alert.Alert) Payload {
	firing, resolved := split(now, alerts)
	p := Payload{Username: username, Embeds: []Embed{}, AllowedMentions: nobody()}
	room := maxEmbedded
	if len(firing) > 0 && len(resolved) > 0 {
		room /= 2
	}
	if len(firing) > 0 {
		e := embed(title("FIRING", firing), color(firing[0]), "", firing, room)
		if m.text != "" && severity(firing[0]) == "critical" {
			// The title is repeated here because a phone notification shows this line only.
			p.Content = m.text + " " + e.Title
			p.AllowedMentions = m.mentions()
		}
		p.Embeds = append(p.Embeds, e)
	}
	if len(resolved) > 0 {
		p.Embeds = append(p.Embeds, embed(title("RESOLVED", resolved), green, past, resolved, room))
	}
	for i := range p.Embeds {
		p.Embeds[i].Timestamp = now.UTC().Truncate(time.Second)
	}
	return p
}

// split separates firing from resolved alerts, the most severe first.
func split(now time.Time, alerts []*alert.Alert) (firing, resolved []*alert.Alert) {
	for _, a := range alerts {
		if a.ResolvedAt(now) {
			resolved = append(resolved, a)
		} else {
			// Prometheus sets EndsAt to the time by which it will send the alert again.
			open := *a
			open.EndsAt = time.Time{}
			firing = append(firing, &open)
		}
	}
	bySeverity := func(a, b *alert.Alert) int { return cmp.Compare(rank(a), rank(b)) }
	slices.SortStableFunc(firing, bySeverity)
	slices.SortStableFunc(resolved, bySeverity)
	return firing, resolved
}

// title returns the state, the number of alerts in it, and their names.
func title(state string, alerts []*alert.Alert) string {
	count := ""
	if state == "FIRING" || len(alerts) > 1 {
		count = fmt.Sprintf(":%d", len(alerts))
	}
	head := "[" + state + count + "] "
	return strings.TrimSpace(head + escape(line(strings.Join(names(alerts), ", ")), maxTitle-length(head)))
}

// names returns the alert names without duplicates, in the order of the alerts.
func names(alerts []*alert.Alert) []string {
	found, seen := []string{}, make(map[string]bool)
	for _, a := range alerts {
		if name := line(a.Name()); !seen[name] {
			found, seen[name] = append(found, name), true
		}
	}
	return found
}

// past is the prefix of the summary of resolved alerts, because its numbers are from
// when they fired.
const past = "It was: "

// embed describes the alerts of one state in at most room UTF-16 code units. tense is
// the prefix of the summary.
func embed(title string, color int, tense string, alerts []*alert.Alert, room int) Embed {
	e := Embed{Title: title, Color: color, Fields: []Field{}}
	shared := sharedSummary(alerts)
	if shared != "" {
		e.Description = tense + escape(shared, maxSummary-length(tense))
	}
	room -= length(e.Title) + length(e.Description) + maxNotes
	for _, a := range alerts[:min(len(alerts), maxShown, maxFields)] {
		f := field(a, shared)
		room -= length(f.Name) + length(f.Value)
		if room < 0 {
			break
		}
		e.Fields = append(e.Fields, f)
	}
	var notes []string
	if s := severity(alerts[0]); s != "" {
		notes = append(notes, s)
	}
	if more := len(alerts) - len(e.Fields); more > 0 {
		notes = append(notes, fmt.Sprintf("and %d more", more))
	}
	if len(notes) > 0 {
		e.Footer = &Footer{Text: strings.Join(notes, " · ")}
	}
	return e
}

// sharedSummary returns the summary that all alerts share, or an empty string.
func sharedSummary(alerts []*alert.Alert) string {
	shared := summary(alerts[0])
	for _, a := range alerts[1:] {
		if summary(a) != shared {
			return ""
		}
	}
	return shared
}

func summary(a *alert.Alert) string { return line(string(a.Annotations["summary"])) }

// severity returns the severity of an alert if the catalogue has it, or an empty string.
func severity(a *alert.Alert) string {
	switch s := string(a.Labels["severity"]); s {
	case "critical", "warning", "info":
		return s
	default:
		return ""
	}
}

// rank orders severities, the most severe first.
func rank(a *alert.Alert) int { return rankOf(severity(a)) }

// leastRank is the rank of a severity that is not in the catalogue.
const leastRank = 3

// rankOf orders the severities of notifications, the most severe first.
func rankOf(severity string) int {
	switch severity {
	case "critical":
		return 0
	case "warning":
		return 1
	case "info":
		return 2
	default:
		return leastRank
	}
}

func color(a *alert.Alert) int { return []int{red, orange, blue, grey}[rank(a)] }

// apart returns the labels that distinguish an alert from others of the same name,
// sorted.
func apart(a *alert.Alert) string {
	var parts []string
	for name, value := range a.Labels {
		if name == model.AlertNameLabel || name == "severity" || strings.HasPrefix(string(name), model.ReservedLabelPrefix) {
			continue
		}
		parts = append(parts, string(name)+"="+string(value))
	}
	slices.Sort(parts)
	return line(strings.Join(parts, ", "))
}
