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
	// not begun. One that is less than the last time began anew, after a warm-up say;
	// the series goes on.
	Due, NotSent int64
	// Lag is how late the worker itself was in the last second, in the median,
	// and CPU the share that it used of what it may use, 0 to 1.
	Lag time.Duration
	CPU float64
	// LateSeconds is in how many seconds it could not keep up, counted as Due is.
	LateSeconds int
}

// Set says what the worker does now. It is to be called once a second, and at
// the end.
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
	of.due.Add(float64(growth(of.last.Due, s.Due)))
	of.notSent.Add(float64(growth(of.last.NotSent, s.NotSent)))
	of.late.Add(float64(growth(int64(of.last.LateSeconds), int64(s.LateSeconds))))
	of.last = s
}

// growth is by how much a count grew that may have begun anew.
func growth(before, now int64) int64 {
	if now < before {
		return now
	}
	return now - before
}
