// Package session runs a load test from its settings to its report. It combines the
// scenario, the engine, the statistics, the thresholds, the check of the ledger and the
// saved run. The command line and the HTTP API both use it.
package session

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/history"
	"onsale/internal/stress/metrics"
	"onsale/internal/stress/result"
	"onsale/internal/stress/scenario"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// Options of a [Session].
type Options struct {
	Settings result.Settings
	// Source is what users do.
	Source Source
	// Target is where the requests go, and Wire configures the HTTP client.
	Target *wire.Target
	Wire   wire.Options
	// Metrics expose the run to Prometheus, if not nil.
	Metrics *metrics.Metrics
	// AdminToken authorizes the admin requests to the target: reading its ledger and
	// creating concerts.
	AdminToken string
	// Program is Onsale's version.
	Program string
	Logger  *slog.Logger
}

// Session is one run of a load test.
type Session struct {
	options  Options
	settings result.Settings // with the defaults filled in
	plan     plan
	log      *slog.Logger
	id       string
	books    *scenario.Books // nil if nothing is bought
	// begun is closed when the load begins; in a search, when the load of the first
	// step begins.
	begun     chan struct{}
	beginning sync.Once

	mu       sync.Mutex
	run      *stress.Run // nil before it begins
	stats    *stats.Recorder
	started  time.Time
	ended    time.Time
	end      string // why it ended
	stopping bool
	notes    []string
	final    *result.Run // once it is over

	// fullSince is when the load reached its wanted level.
	fullSince time.Duration
	// search cancels the search for the capacity, if there is one. held has the last
	// measurement of each load that held.
	search context.CancelFunc
	held   map[float64]result.Run
	// hurried is set if the ledger must not be read any more.
	hurried bool
}

// Reasons for the end of a run, as in its report.
const (
	endOver    = "run time over"
	endStopped = "stopped"
)

// New returns a session. Call [Session.Run] to run it. Invalid settings are a
// [*field.Error].
func New(o Options) (*Session, error) {
	p, err := parse(o.Settings, o.Source.Scenario.SpawnAtOnce)
	if err != nil {
		return nil, err
	}
	if p.timeout != 0 {
		o.Wire.Timeout = p.timeout
	}
	s := &Session{
		options: o, settings: o.Settings, plan: p, log: o.Logger.With("component", "stress"),
		begun: make(chan struct{}), id: history.NewID(time.Now(), rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))),
	}
	s.settings.Host, s.settings.Scenario = o.Target.String(), o.Source.Scenario.Name
	if s.settings.Open = p.whole.Open; s.settings.Open {
		s.settings.Arrivals, s.settings.MaxInFlight = string(p.whole.Arrivals), p.whole.MaxInFlight
	}
	if !p.whole.Open && s.settings.Shape == "" {
		s.settings.Users = int(p.whole.Curve.Peak())
	}
	if p.warmUp > 0 {
		s.notes = append(s.notes, fmt.Sprintf("the first %s are a warm-up and not counted", p.warmUp))
	}
	if err := s.demandSending(); err != nil {
		return nil, err
	}
	if s.settings.Seed == 0 {
		s.settings.Seed = rand.Uint64()>>11 + 1 // JSON's numbers are exact to 2^53
	}
	return s, nil
}

// ID returns the id under which the run is kept.
func (s *Session) ID() string { return s.id }

// Begun returns a channel that is closed when the load begins; in a search for
// the capacity, when the load of the first step begins.
func (s *Session) Begun() <-chan struct{} { return s.begun }

// Load returns this worker's share of the load.
func (s *Session) Load() stress.Load { return s.plan.load }

// StopTimeout returns how long tasks under way can go on once the run is stopped.
func (s *Session) StopTimeout() time.Duration { return s.plan.stopTimeout }
