package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// State is the state of a worker.
type State struct {
	// Users is the number of running users. UsersWanted is the wanted number; 0 in the
	// open model.
	Users       int
	UsersWanted float64
	// RateWanted is the wanted rate in tasks a second; 0 in the closed model.
	RateWanted float64
	// InFlight is the number of tasks under way in the open model.
	InFlight int
	// Due and NotSent count the tasks that were due, and those of them that were not
	// begun. After a warm-up, they and LateSeconds start from 0 again; the exposed
	// counters continue.
	Due, NotSent int64
	// Lag is the worker's own median lag in the last second. CPU is the share that it
	// used of its processors, 0 to 1.
	Lag time.Duration
	CPU float64
	// LateSeconds is the number of seconds in which the worker could not keep up. It is
	// reset together with Due and NotSent.
	LateSeconds int
}

// Set updates the state. Call it once a second, at the end, and right before and after
// a reset: what was counted between the last Set and a reset is lost.
func (m *Metrics) Set(s State) { m.state.set(s) }

// state has the series of a [State].
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
		users:       gauge("onsale_stress_users", "Running users."),
		usersWanted: gauge("onsale_stress_users_wanted", "Wanted users; 0 in the open model."),
		rateWanted:  gauge("onsale_stress_rate_wanted", "Wanted tasks per second; 0 in the closed model."),
		inFlight:    gauge("onsale_stress_in_flight", "Tasks under way in the open model."),
		lag:         gauge("onsale_stress_send_lag_seconds", "Median lag of the worker itself in the last second."),
		cpu:         gauge("onsale_stress_cpu_ratio", "Share of its CPUs that the worker used in the last second."),
		due:         counter("onsale_stress_due_total", "Tasks that were due in the open model."),
		notSent:     counter("onsale_stress_not_sent_total", "Tasks that were due but not begun, because too many were in flight."),
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
		of.last = State{} // all of them were reset
	}
	of.due.Add(float64(s.Due - of.last.Due))
	of.notSent.Add(float64(s.NotSent - of.last.NotSent))
	of.late.Add(float64(s.LateSeconds - of.last.LateSeconds))
	of.last = s
}
