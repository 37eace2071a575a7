package control

import (
	"net/http"
	"time"

	"onsale/internal/problem"
	"onsale/internal/stress"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
)

// state is the answer of GET /stress.
type state struct {
	Running bool   `json:"running"`
	ID      string `json:"id,omitempty"`
	// Now and Report are there while a run is under way.
	Now    *now           `json:"now,omitempty"`
	Report *result.Run `json:"report,omitempty"`
}

// now is a [stress.Now] as JSON tells it. Times are in seconds.
type now struct {
	Users    int     `json:"users"`
	Wanted   float64 `json:"wanted"`
	InFlight int     `json:"in_flight"`
	Elapsed  float64 `json:"elapsed"`
	// Left is null if nobody knows it.
	Left     *float64 `json:"left"`
	Stopping bool     `json:"stopping"`
}

func nowOf(n stress.Now) *now {
	told := &now{
		Users: n.Users, Wanted: n.Wanted, InFlight: n.InFlight, Stopping: n.Stopping,
		Elapsed: n.Elapsed.Round(time.Millisecond).Seconds(),
	}
	if n.Left >= 0 {
		left := n.Left.Round(time.Millisecond).Seconds()
		told.Left = &left
	}
	return told
}

func (c *control) state(w http.ResponseWriter, _ *http.Request) {
	live := c.desk.Live()
	s := state{Running: live.Running, ID: live.ID}
	if live.Running {
		s.Now, s.Report = nowOf(live.Now), &live.Report
	}
	problem.Answer(w, http.StatusOK, s)
}

func (c *control) scenarios(w http.ResponseWriter, _ *http.Request) {
	problem.Answer(w, http.StatusOK, struct {
		Scenarios []Scenario `json:"scenarios"`
	}{c.desk.Scenarios()})
}

// start begins a run with the settings in the body.
func (c *control) start(w http.ResponseWriter, r *http.Request) {
	var settings result.Settings
	if p := problem.Read(w, r, &settings); p != nil {
		p.Write(w)
		return
	}
	id, err := c.desk.Start(r.Context(), settings)
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	w.Header().Set("Location", pathOf(id))
	problem.Answer(w, http.StatusCreated, state{Running: true, ID: id})
}

func pathOf(id string) string { return "/stress/runs/" + id }

// stop ends the run gently.
func (c *control) stop(w http.ResponseWriter, r *http.Request) {
	if err := c.desk.Stop(); err != nil {
		c.refuse(w, r, err)
		return
	}
	c.accepted(w)
}

// change changes the load of the run.
func (c *control) change(w http.ResponseWriter, r *http.Request) {
	var change Change
	if p := problem.Read(w, r, &change); p != nil {
		p.Write(w)
		return
	}
	if (change.Users == nil) == (change.Rate == nil) {
		problem.Invalid(problem.FieldProblem{Field: "body", Rule: "must have either users or rate"}).Write(w)
		return
	}
	if err := c.desk.Change(change); err != nil {
		c.refuse(w, r, err)
		return
	}
	c.accepted(w)
}

// accepted says what the run does just now: what was asked for comes about in a
// moment.
func (c *control) accepted(w http.ResponseWriter) {
	live := c.desk.Live()
	problem.Answer(w, http.StatusAccepted, state{Running: live.Running, ID: live.ID, Now: nowOf(live.Now)})
}

func (c *control) runs(w http.ResponseWriter, r *http.Request) {
	runs, err := c.desk.Runs()
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	problem.Answer(w, http.StatusOK, struct {
		Runs []history.Summary `json:"runs"`
	}{append([]history.Summary{}, runs...)})
}

// find returns the report of a run that is kept, or is under way.
func (c *control) find(id string) (result.Run, error) {
	if live := c.desk.Live(); live.Running && live.ID == id {
		return live.Report, nil
	}
	return c.desk.Run(id)
}

func (c *control) run(w http.ResponseWriter, r *http.Request) {
	found, err := c.find(r.PathValue("id"))
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	problem.Answer(w, http.StatusOK, found)
}

// compare sets run b beside the earlier run a.
func (c *control) compare(w http.ResponseWriter, r *http.Request) {
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
	comparison, err := c.desk.Compare(query.Get("a"), query.Get("b"))
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	problem.Answer(w, http.StatusOK, comparison)
}
