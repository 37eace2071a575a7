package session

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"onsale/internal/field"
	"onsale/internal/stress"
	"onsale/internal/stress/result"
	"onsale/internal/stress/verdict"
)

// Limits and defaults of the settings.
const (
	// DefaultSpawnRate is Locust's default, in users a second.
	DefaultSpawnRate = 1
	// DefaultStopTimeout is how long tasks under way can continue at the end. The
	// longest delay of the default fault plan is 4 s.
	DefaultStopTimeout = 10 * time.Second
	// maxRunTime limits a run, so that a typing error does not run for years.
	maxRunTime = 30 * 24 * time.Hour
)

// plan has the parsed settings.
type plan struct {
	load        stress.Load // of this worker
	whole       stress.Load // of all workers
	runTime     time.Duration
	stopTimeout time.Duration
	timeout     time.Duration
	warmUp      time.Duration
	worker      int
	workers     int
	thresholds  []verdict.Threshold
}

// parse parses the settings. AtOnce is set if the scenario starts all users at once. An
// error is a [*field.Error].
func parse(s result.Settings, atOnce bool) (plan, error) {
	var p plan
	var err error
	if p.load, err = loadOf(s, atOnce); err != nil {
		return plan{}, err
	}
	for _, d := range []struct {
		field, text string
		into        *time.Duration
		least, most time.Duration
	}{
		{"run_time", s.RunTime, &p.runTime, 100 * time.Millisecond, maxRunTime},
		{"stop_timeout", s.StopTimeout, &p.stopTimeout, 0, time.Hour},
		{"timeout", s.Timeout, &p.timeout, time.Millisecond, time.Hour},
		{"warm_up", s.WarmUp, &p.warmUp, 0, maxRunTime},
	} {
		if d.text == "" {
			continue
		}
		if *d.into, err = stress.ParseDuration(d.text); err != nil {
			return plan{}, field.Errorf(d.field, "must be a time such as 90s or 1h30m, not %q", d.text)
		}
		if *d.into < d.least || *d.into > d.most {
			return plan{}, field.Errorf(d.field, "must be between %s and %s", d.least, d.most)
		}
	}
	if p.runTime > 0 && p.warmUp >= p.runTime {
		return plan{}, field.Errorf("warm_up", "must be shorter than the run time, %s", p.runTime)
	}
	if s.StopTimeout == "" {
		p.stopTimeout = DefaultStopTimeout
	}
	if p.worker, p.workers, err = ParseWorker(s.Worker); err != nil {
		return plan{}, err
	}
	p.whole = p.load
	if p.load, err = shareOf(p.whole, p.worker, p.workers); err != nil {
		if broken, ok := errors.AsType[*field.Error](err); ok && s.Shape != "" {
			kind, _, _ := strings.Cut(s.Shape, " ")
			return plan{}, &field.Error{Field: kind, Rule: broken.Rule}
		}
		return plan{}, err
	}
	if p.thresholds, err = verdict.ParseAll(s.FailIf); err != nil {
		return plan{}, field.Errorf("fail_if", "cannot be used: %v", err)
	}
	return p, nil
}

// loadOf returns the load of all workers together.
func loadOf(s result.Settings, atOnce bool) (stress.Load, error) {
	l := stress.Load{Open: s.Open || s.Rate != 0, Arrivals: stress.Arrivals(s.Arrivals), MaxInFlight: s.MaxInFlight}
	switch {
	case s.Users < 0:
		return l, field.Errorf("users", "must be at least 1, not %d", s.Users)
	case !(s.Rate >= 0): // also rejects NaN
		return l, field.Errorf("rate", "must be above 0/s, not %g", s.Rate)
	case s.SpawnRate > 0 && float64(s.Users)/s.SpawnRate > maxRunTime.Seconds():
		return l, field.Errorf("spawn_rate", "must start all users within 30 days")
	}
	if err := stress.CheckSpawnRate(s.SpawnRate); err != nil {
		return l, err
	}
	if l.MaxInFlight == 0 {
		l.MaxInFlight = stress.DefaultMaxInFlight
	}
	if l.Arrivals == "" {
		l.Arrivals = stress.Even
	}
	if s.Shape != "" {
		return shaped(l, s)
	}
	switch {
	case s.Rate != 0 && s.Users != 0:
		return l, field.Errorf("users", "must not be given together with a rate: --max-in-flight limits the tasks under way")
	case l.Open && s.Rate == 0:
		return l, field.Errorf("rate", "must be given, such as 500/s")
	case l.Open:
		l.Curve = stress.Curve{From: s.Rate}
	default:
		l.Curve = spawned(max(s.Users, 1), s.SpawnRate, atOnce)
	}
	return l, nil
}

// spawned returns the curve of users that start at a spawn rate.
func spawned(users int, rate float64, atOnce bool) stress.Curve {
	switch {
	case rate > 0:
		return stress.SpawnCurve(users, rate)
	case atOnce:
		return stress.Curve{From: float64(users)}
	default:
		return stress.SpawnCurve(users, DefaultSpawnRate)
	}
}

// shaped parses a shape, such as "stages 30s:100,2m:1000".
func shaped(l stress.Load, s result.Settings) (stress.Load, error) {
	kind, text, _ := strings.Cut(s.Shape, " ")
	readers := map[string]func(string) (stress.Curve, bool, error){
		"stages": stress.ParseStages, "ramp": stress.ParseRamp, "spike": stress.ParseSpike, "steps": stress.ParseSteps,
	}
	read, ok := readers[kind]
	if !ok {
		return l, field.Errorf("shape", "must begin with stages, ramp, spike or steps, not %q", kind)
	}
	curve, open, err := read(strings.TrimSpace(text))
	switch {
	case err != nil:
		return l, field.Errorf(kind, "cannot be used: %v", err)
	case s.Users != 0 || s.Rate != 0 || s.SpawnRate != 0:
		return l, field.Errorf(kind, "sets the load over time, so users, spawn_rate and rate must not be given as well")
	}
	l.Open, l.Curve = open, curve
	return l, nil
}

// ParseWorker parses I/N, where I counts from 0. An empty text means 0/1. An error is a
// [*field.Error].
func ParseWorker(text string) (worker, workers int, err error) {
	if text == "" {
		return 0, 1, nil
	}
	if n, err := fmt.Sscanf(text, "%d/%d", &worker, &workers); err != nil || n != 2 || text != fmt.Sprintf("%d/%d", worker, workers) {
		return 0, 0, field.Errorf("worker", "must look like 0/4: the first of four, as JOB_COMPLETION_INDEX counts")
	}
	if workers < 1 || workers > stress.MaxWorkers {
		return 0, 0, field.Errorf("worker", "must have between 1 and %d workers", stress.MaxWorkers)
	}
	if worker < 0 || worker >= workers {
		return 0, 0, field.Errorf("worker", "must be between 0/%d and %d/%d: workers count from 0, as JOB_COMPLETION_INDEX does", workers, workers-1, workers)
	}
	return worker, workers, nil
}

// shareOf returns a worker's share of a load, and checks it against the limits of one
// process.
func shareOf(l stress.Load, worker, workers int) (stress.Load, error) {
	share := l.Share(worker, workers)
	if err := share.Validate(); err != nil {
		return stress.Load{}, err
	}
	return share, nil
}
