package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// State is what a worker does at one moment.
type State struct {
	// Users is how many there are, UsersWanted how many there should be, 0 in
	// the open model.
	Users       int
	UsersWanted float64
	// RateWanted is how many tasks a second should begin; 0 in the closed model.
	RateWanted float64
	// InFlight is how many tasks are under way in the open model.
	InFlight int
	// Due and NotSent count the tasks that were due and those of them that were
	// not begun. Where one is less than the last time, these and LateSeconds began anew
	// together, after a warm-up; the series go on.
	Due, NotSent int64
	// Lag is how late the worker itself was in the last second, in the median,
	// and CPU the share that it used of what it may use, 0 to 1.
	Lag time.Duration
	CPU float64
	// LateSeconds is in how many seconds it could not keep up; it begins anew with Due and NotSent.
	LateSeconds int
}

// Set says what the worker does now. It is to be called once a second, at the
// end, and right before and after counts begin anew: what they came to in between is seen
// by nobody.
func (m *Metrics) Set(s State) { m.state.set(s) }

// state is the series of a [State].
type state struct {
	users, usersWanted, rateWanted, inFlight, lag, cpu prometheus.Gauge
	due, notSent, late                                 prometheus.Counter

	mu   sync.Mutex
	last State
}

func newState(factory promauto.Factory) *state {
	gauge := func(name, help string) prometheus.Gauge {
		return factory.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return factory.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &state{
		users:       gauge("onsale_stress_users", "Users that are there."),
		usersWanted: gauge("onsale_stress_users_wanted", "Users that there should be; 0 in the open model."),
		rateWanted:  gauge("onsale_stress_rate_wanted", "Tasks that should begin each second; 0 in the closed model."),
		inFlight:    gauge("onsale_stress_in_flight", "Tasks under way in the open model."),
		lag:         gauge("onsale_stress_send_lag_seconds", "How late the worker itself was in the last second, in the median."),
		cpu:         gauge("onsale_stress_cpu_ratio", "Share that the worker used of the CPU it may use, in the last second."),
		due:         counter("onsale_stress_due_total", "Tasks that were due in the open model."),
		notSent:     counter("onsale_stress_not_sent_total", "Tasks that were due and not begun, as too many were in flight."),
		late:        counter("onsale_stress_late_seconds_total", "Seconds in which the worker could not keep up."),
	}
}

func (of *state) set(s State) {
	of.mu.Lock()
	defer of.mu.Unlock()
	of.users.Set(float64(s.Users))
	of.usersWanted.Set(s.UsersWanted)
	of.rateWanted.Set(s.RateWanted)
	of.inFlight.Set(float64(s.InFlight))
	of.lag.Set(s.Lag.Seconds())
	of.cpu.Set(s.CPU)
	if s.Due < of.last.Due || s.NotSent < of.last.NotSent || s.LateSeconds < of.last.LateSeconds {
		of.last = State{} // all of them began anew
	}
	of.due.Add(float64(s.Due - of.last.Due))
	of.notSent.Add(float64(s.NotSent - of.last.NotSent))
	of.late.Add(float64(s.LateSeconds - of.last.LateSeconds))
	of.last = s
}
