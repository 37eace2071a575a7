// Package prom runs the real Prometheus in this process: scraping, TSDB, rules and the
// HTTP API. It uses the packages of the Prometheus binary. The caller provides rules and
// targets.
//
// [New] checks all options, configuration files and rule files, and starts nothing.
// [Server.Run] opens the database, scrapes and evaluates rules until its context ends.
// [Server.Handler] can be served before, during and after Run.
//
// There is no global state. Several servers with different directories can run in one
// process.
package prom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/monitor/conceal"
)

// The errors of this package.
var (
	// ErrOptions is returned by [New] for wrong options.
	ErrOptions = errors.New("monitoring options")
	// ErrConfig is returned by [New] for a configuration file that is wrong or uses
	// settings that the embedded Prometheus does not support. The error is one line
	// that names the file, the line and the section.
	ErrConfig = errors.New("prometheus configuration")
	// ErrRules is returned by [New] for a wrong rule file.
	ErrRules = errors.New("prometheus rules")
	// ErrTaken is returned by [Server.Run] when another process uses the directory.
	ErrTaken = errors.New("metrics directory is in use by another process")
	// ErrFull is returned by [Server.Run] when there is too little disk space to start.
	ErrFull = errors.New("too little disk space for metrics")
	// ErrStarted is returned by [Server.Run] when it was called before.
	ErrStarted = errors.New("monitoring has already been started")
)

// Server is one embedded Prometheus.
type Server struct {
	options Options
	plan    plan
	hide    conceal.Texts // hides secrets in log lines
	own     *slog.Logger  // for this package
	logger  *slog.Logger  // for the library
	handler http.Handler
	gate    *gate
	started atomic.Bool
	ready   chan struct{}
	once    sync.Once // closes ready
}

// New checks the options and reads all files that they name. It opens no database and
// starts nothing. An error is one line and wraps [ErrOptions], [ErrConfig] or [ErrRules].
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	own := o.Logger.With("component", "prometheus")
	plan, err := newPlan(o, slog.New(newQuietHandler(own.Handler(), conceal.Texts{})))
	if err != nil {
		return nil, err
	}
	_, hidden, err := conceal.YAML(plan.config.String())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	hide := conceal.NewTexts(hidden)
	logger := slog.New(newQuietHandler(own.Handler(), hide))
	g := new(gate)
	return &Server{
		options: o, plan: plan, hide: hide, own: own, logger: logger,
		handler: newHandler(g, o), gate: g, ready: make(chan struct{}),
	}, nil
}

// Handler serves the HTTP API of Prometheus under /api/v1, and /-/healthy and /-/ready.
// The API is read-only: it has no admin, write or lifecycle calls. It answers 503 until
// the server is ready, and after Run has ended.
func (s *Server) Handler() http.Handler { return s.handler }

// Expressions returns the PromQL expressions of all alerts, built-in and the operator's
// own, in the form that links in alerts use.
func (s *Server) Expressions() []string { return s.plan.rules.expressions() }

// Watched returns the URLs of the targets that the rules evaluate, as far as they are
// known before Run. They are Targets or, without them, at most 20 URLs from the
// static_configs of the job in the configuration file. The latter have no query.
func (s *Server) Watched() []string { return s.plan.watched }

// Ready is closed when the API accepts requests, targets are scraped and rules are
// evaluated. It stays open if [Server.Run] fails before that.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// maxMended is how often Run moves damaged files out of the database: once the blocks,
// and once the head files.
const maxMended = 2

// Run opens the database, scrapes and evaluates rules until the context ends. Then it
// stops rules and the API, then scraping, then the database, and returns nil. It returns
// an error if the database cannot be opened or closed. It can be called once.
//
// If the disk fills up while it runs, Run closes the database and the API answers 503
// until there is space again. If the clock was set back, Run moves samples with future
// timestamps out of the database, because otherwise no new ones could be stored. It does
// the same with files that the library cannot repair.
func (s *Server) Run(ctx context.Context) error {
	if !s.started.CompareAndSwap(false, true) {
		return ErrStarted
	}
	for _, doubt := range s.plan.doubts {
		s.own.WarnContext(ctx, "check the settings of the monitoring", "reason", doubt)
	}
	for _, note := range s.plan.notes {
		s.own.InfoContext(ctx, "a setting of the configuration file is not used", "reason", note)
	}
	mended := 0
	for {
		err := s.watch(ctx)
		switch {
		case errors.Is(err, errAhead):
			s.own.WarnContext(ctx, "moved samples with future timestamps out of the database", "moved_to", aheadDir, "err", oneLine(err))
		case errors.Is(err, errBroken) && mended < maxMended:
			mended++
			s.own.WarnContext(ctx, "cannot read metrics; moved the damaged files out of the database", "moved_to", brokenDir, "err", oneLine(err))
		case (errors.Is(err, ErrFull) || errors.Is(err, syscall.ENOSPC)) && s.wasReady():
			s.own.WarnContext(ctx, "metrics are paused until there is more disk space", "err", oneLine(err))
			if !s.options.rest(ctx) {
				return nil
			}
			s.own.InfoContext(ctx, "metrics are resumed, because there is disk space again")
		default:
			return err
		}
	}
}

// watch scrapes and evaluates until the context ends. After an error that wraps
// [ErrFull], errAhead or errBroken, it can be called again.
func (s *Server) watch(ctx context.Context) (err error) {
	// The library registers its metrics in its constructors. Registering one twice
	// panics, so each call has its own registry.
	reg := prometheus.NewRegistry()
	db, err := openStorage(s.options, s.plan, reg, s.logger)
	if err != nil {
		return err
	}
	defer func() { err = db.closeAfter(err) }()
	if err := db.notAhead(); err != nil {
		return err
	}

	p, err := newParts(ctx, s.options, s.plan, db.DB, reg, s.logger)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil // The context ended during the replay of the log.
	}
	s.gate.open(newAPI(p, s.options, s.plan, reg, s.logger))
	defer s.gate.close()
	stop, err := p.start(s.plan)
	if err != nil {
		return err
	}
	s.once.Do(func() { close(s.ready) })
	var health sync.WaitGroup
	healthContext, endHealth := context.WithCancel(ctx)
	health.Go(func() { s.logHealth(healthContext, p.scrape.TargetsActive) })
	err = db.tend(ctx)
	endHealth()
	health.Wait()

	// The rules stop at once and do not wait for running queries. Otherwise they would
	// report the targets of a process that stops as down.
	var closing sync.WaitGroup
	closing.Go(s.gate.close)
	stop()
	closing.Wait()
	return err
}

func (s *Server) wasReady() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}
