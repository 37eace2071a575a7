package api

import (
	"net/http"
	"time"

	"onsale/internal/problem"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
)

// state is the answer of GET /stress.
type state struct {
	Running bool   `json:"running"`
	ID      string `json:"id,omitempty"`
	// Now and Report are set while a run is under way.
	Now    *now        `json:"now,omitempty"`
	Report *result.Run `json:"report,omitempty"`
}

// now is a [result.Now] as JSON. Times are in seconds.
type now struct {
	Users    int     `json:"users"`
	Wanted   float64 `json:"wanted"`
	InFlight int     `json:"in_flight"`
	Elapsed  float64 `json:"elapsed"`
	// Left is null if it is unknown.
	Left     *float64 `json:"left"`
	Stopping bool     `json:"stopping"`
}

func nowOf(n result.Now) *now {
	state := &now{
		Users: n.Users, Wanted: n.Wanted, InFlight: n.InFlight, Stopping: n.Stopping,
		Elapsed: n.Elapsed.Round(time.Millisecond).Seconds(),
	}
	if n.Left >= 0 {
		left := n.Left.Round(time.Millisecond).Seconds()
		state.Left = &left
	}
	return state
}

func (h *handler) state(w http.ResponseWriter, _ *http.Request) {
	live := h.runner.Live()
	s := state{Running: live.Running, ID: live.ID}
	if live.Running {
		s.Now, s.Report = nowOf(live.Now), &live.Report
	}
	problem.Answer(w, http.StatusOK, s)
}

func (h *handler) scenarios(w http.ResponseWriter, _ *http.Request) {
	problem.Answer(w, http.StatusOK, struct {
		Scenarios []Scenario `json:"scenarios"`
	}{h.runner.Scenarios()})
}

// start starts a run with the settings in the body.
func (h *handler) start(w http.ResponseWriter, r *http.Request) {
	var settings result.Settings
	if p := problem.Read(w, r, &settings); p != nil {
		p.Write(w)
		return
	}
	id, err := h.runner.Start(r.Context(), settings)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	w.Header().Set("Location", pathOf(id))
	problem.Answer(w, http.StatusCreated, state{Running: true, ID: id})
}

func pathOf(id string) string { return "/stress/runs/" + id }

// stop ends the run gently.
func (h *handler) stop(w http.ResponseWriter, r *http.Request) {
	if err := h.runner.Stop(); err != nil {
		h.refuse(w, r, err)
		return
	}
	h.accepted(w)
}

// change changes the load of the run.
func (h *handler) change(w http.ResponseWriter, r *http.Request) {
	var change Change
	if p := problem.Read(w, r, &change); p != nil {
		p.Write(w)
		return
	}
	if (change.Users == nil) == (change.Rate == nil) {
		problem.Invalid(problem.FieldProblem{Field: "body", Rule: "must have either users or rate"}).Write(w)
		return
	}
	if err := h.runner.Change(change); err != nil {
		h.refuse(w, r, err)
		return
	}
	h.accepted(w)
}

// accepted answers with the current state of the run. The change takes effect a
// moment later.
func (h *handler) accepted(w http.ResponseWriter) {
	live := h.runner.Live()
	problem.Answer(w, http.StatusAccepted, state{Running: live.Running, ID: live.ID, Now: nowOf(live.Now)})
}

func (h *handler) runs(w http.ResponseWriter, r *http.Request) {
	runs, err := h.runner.Runs()
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	problem.Answer(w, http.StatusOK, struct {
		Runs []history.Summary `json:"runs"`
	}{append([]history.Summary{}, runs...)})
}

// find returns the report of a kept run, or of the run that is under way.
func (h *handler) find(id string) (result.Run, error) {
	if live := h.runner.Live(); live.Running && live.ID == id {
		return live.Report, nil
	}
	return h.runner.Run(id)
}

func (h *handler) run(w http.ResponseWriter, r *http.Request) {
	found, err := h.find(r.PathValue("id"))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	problem.Answer(w, http.StatusOK, found)
}

// compare compares run b with the earlier run a.
func (h *handler) compare(w http.ResponseWriter, r *http.Request) {
	var missing []problem.FieldProblem
	query := r.URL.Query()
	for _, name := range []string{"a", "b"} {
		if query.Get(name) == "" {
			missing = append(missing, problem.FieldProblem{Field: name, Rule: "must be the id of a run"})
		}
	}
	if len(missing) > 0 {
		problem.Invalid(missing...).Write(w)
		return
	}
	comparison, err := h.runner.Compare(query.Get("a"), query.Get("b"))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	problem.Answer(w, http.StatusOK, comparison)
}
