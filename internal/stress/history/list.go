package history

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"onsale/internal/stress/result"
	"onsale/internal/stress/stats"
)

// Summary is a run in one line.
type Summary struct {
	ID      string    `json:"id"`
	Started time.Time `json:"started,omitzero"`
	// Duration is the length of the counted part, in seconds.
	Duration float64 `json:"duration"`
	Scenario string  `json:"scenario"`
	Host     string  `json:"host"`
	// Load is the load of the settings: "100 users", "500/s", or a shape.
	Load     string `json:"load"`
	Requests int64  `json:"requests"`
	Failures int64  `json:"failures"`
	// Rate is in requests a second.
	Rate float64  `json:"rate"`
	P95  stats.MS `json:"p95_ms"`
	// Verdict is the verdict in words, and Code the exit code.
	Verdict string      `json:"verdict"`
	Code    result.Code `json:"code"`
	// Damaged is why the file cannot be read. All other fields but ID are empty then.
	Damaged string `json:"damaged,omitempty"`
}

// head is the part of a report that a list needs. It leaves out the series, which is
// most of the file.
type head struct {
	Schema   int             `json:"schema"`
	ID       string          `json:"id"`
	Host     string          `json:"host"`
	Settings result.Settings `json:"settings"`
	Started  time.Time       `json:"started"`
	Stats    struct {
		Duration float64       `json:"duration"`
		Total    stats.Summary `json:"total"`
	} `json:"stats"`
	Verdict struct {
		Code result.Code `json:"code"`
	} `json:"verdict"`
}

func (h head) summary() Summary {
	return Summary{
		ID: h.ID, Started: h.Started, Duration: h.Stats.Duration,
		Scenario: h.Settings.Scenario, Host: h.Host, Load: loadOf(h.Settings),
		Requests: h.Stats.Total.Requests, Failures: h.Stats.Total.Failures,
		Rate: h.Stats.Total.Rate, P95: h.Stats.Total.Response.P95,
		Verdict: h.Verdict.Code.String(), Code: h.Verdict.Code,
	}
}

func summarize(r result.Run) Summary {
	h := head{Schema: r.Schema, ID: r.ID, Host: r.Host, Settings: r.Settings, Started: r.Started}
	h.Stats.Duration, h.Stats.Total, h.Verdict.Code = r.Stats.Duration, r.Stats.Total, r.Verdict.Code
	return h.summary()
}

// List returns all runs, the newest first. It includes damaged ones, and omits runs
// that another process removes meanwhile.
func (s *Store) List() ([]Summary, error) {
	ids, err := s.ids()
	if err != nil {
		return nil, err
	}
	runs := make([]Summary, 0, len(ids))
	for _, id := range ids {
		var h head
		err := s.read(id, &h)
		if err == nil && (h.ID != id || h.Schema != result.Schema) {
			err = mismatch(id, h.ID, h.Schema)
		}
		switch {
		case errors.Is(err, ErrNotFound):
		case err != nil:
			runs = append(runs, Summary{ID: id, Damaged: err.Error()})
		default:
			runs = append(runs, h.summary())
		}
	}
	return runs, nil
}

// loadOf returns the load of the settings, as short as possible.
func loadOf(s result.Settings) string {
	switch {
	case s.Shape != "":
		return s.Shape
	case s.Rate > 0:
		return number(s.Rate) + "/s"
	case s.Users == 1:
		return "1 user"
	default:
		return strconv.Itoa(s.Users) + " users"
	}
}

// WriteList writes runs as a table.
func WriteList(w io.Writer, runs []Summary) error {
	if len(runs) == 0 {
		_, err := fmt.Fprintln(w, "No saved runs.")
		return err
	}
	var t table
	t.row("ID", "STARTED (UTC)", "SCENARIO", "HOST", "LOAD", "REQUESTS", "FAILURES", "REQ/S", "P95", "VERDICT")
	for _, r := range runs {
		if r.Damaged != "" {
			t.row(r.ID, "-", "-", "-", "-", "-", "-", "-", "-", r.Damaged)
			continue
		}
		t.row(r.ID, r.Started.UTC().Format(time.DateTime), orDash(r.Scenario), r.Host, r.Load,
			strconv.FormatInt(r.Requests, 10), strconv.FormatInt(r.Failures, 10), number(r.Rate), millis(r.P95), r.Verdict)
	}
	return t.write(w)
}
