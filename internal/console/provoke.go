package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"onsale/internal/catalog"
)

// provocation is how to provoke one alert on this server now.
type provocation struct {
	Alert string `json:"alert"`
	// Faults is the patch for PATCH /faults. If it is empty, Note explains why.
	Faults string `json:"faults,omitempty"`
	// WithinSeconds is how long it takes at most until the alert fires.
	WithinSeconds float64 `json:"within_seconds,omitempty"`
	// Fires are the other alerts that will fire too.
	Fires []string `json:"fires,omitempty"`
	// Cannot explains why a button cannot provoke the alert here, and what to
	// change.
	Cannot string `json:"cannot,omitempty"`
	// Note is all of this as a text for people.
	Note string `json:"note,omitempty"`
}

// soon is the longest delay until the alert that the note does not mention.
const soon = 30 * time.Second

// site returns the current state of the server, or nil if it is unknown. Each
// request calls it only once, because it reads the state of the machine.
func (c *console) site() *catalog.Site {
	if c.options.Site == nil {
		return nil
	}
	site := c.options.Site()
	return &site
}

// provoke returns how to provoke an alert.
func (c *console) provoke(a catalog.Alert, site *catalog.Site) provocation {
	try := catalog.Attempt{Faults: a.Provoke.Faults}
	if site != nil {
		try = a.Provoked(*site, c.options.Pace)
	}
	p := provocation{Alert: a.Name, Faults: try.Faults, WithinSeconds: try.Within.Seconds(), Cannot: try.Cannot}
	if try.Faults == "" {
		p.Note = try.Cannot
		return p
	}
	p.Fires = a.Provoke.Fires
	var notes []string
	if try.Within > soon {
		notes = append(notes, strings.TrimSpace("Takes up to "+try.Within.Round(time.Second).String()+" here. "+try.Slow))
	}
	if len(p.Fires) > 0 {
		notes = append(notes, "Also fires "+list(p.Fires)+".")
	}
	p.Note = strings.Join(notes, " ")
	return p
}

// list joins names with commas and "and".
func list(names []string) string {
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// provocations sends how to provoke each alert, as the buttons do.
func (c *console) provocations(w http.ResponseWriter, _ *http.Request) {
	site, all := c.site(), make([]provocation, 0, len(c.options.Alerts))
	for _, a := range c.options.Alerts {
		all = append(all, c.provoke(a, site))
	}
	body, err := json.Marshal(map[string]any{"provocations": all})
	if err != nil {
		c.log.Error("encoding provocations failed", "error", err)
		http.Error(w, "The provocations could not be encoded. See the log for the cause.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(body)
}
