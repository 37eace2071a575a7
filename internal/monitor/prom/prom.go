// Package prom runs the real Prometheus inside this process: scraping, TSDB,
// rules and the HTTP API, from the library that the Prometheus binary is made
// of. It knows nothing of what is watched; rules and targets are handed to it.
//
// [New] checks every option, every configuration and every rule file, and opens
// and starts nothing. [Server.Run] opens the database and watches until its
// context ends. [Server.Handler] may be served before, while and after it runs.
//
// Nothing here is global: two servers, with directories of their own, may run
// in one process.
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

// What may go wrong, beside what the library says.
var (
	// ErrOptions is returned by [New] for options that make no sense.
	ErrOptions = errors.New("monitoring options")
	// ErrConfig is returned by [New] for a configuration file that is wrong or
	// asks for what the embedded Prometheus does not do. The error is one line
	// that names the file, the line and the section.
	ErrConfig = errors.New("prometheus configuration")
	// ErrRules is returned by [New] for a rule file that is wrong.
	ErrRules = errors.New("prometheus rules")
	// ErrTaken is returned by [Server.Run] when another process uses the directory.
	ErrTaken = errors.New("metrics directory is in use by another process")
	// ErrFull is returned by [Server.Run] when there is too little disk space to
	// begin.
	ErrFull = errors.New("too little disk space for metrics")
	// ErrStarted is returned by [Server.Run] when it was called before.
	ErrStarted = errors.New("monitoring was started before")
)

// Server is one embedded Prometheus.
type Server struct {
	options Options
	plan    plan
	hide    conceal.Texts // what no line of the log may show
	own     *slog.Logger  // for what this package has to say
	logger  *slog.Logger  // for what the library has
	handler http.Handler
	gate    *gate
	started atomic.Bool
	ready   chan struct{}
	once    sync.Once // closes ready
}

// New checks the options and reads all files that they name. It opens no
// database and starts nothing. Errors are one line and wrap [ErrOptions],
// [ErrConfig] or [ErrRules].
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

// Handler serves the HTTP API of Prometheus under /api/v1, and /-/healthy and
// /-/ready. It only reads: deleting, writing and remote-controlling are not
// there. Until the server is ready, and when it has ended, the API answers 503.
func (s *Server) Handler() http.Handler { return s.handler }

// Expressions returns those of all alerts, built in or the operator's, as the links
// of alerts have them.
func (s *Server) Expressions() []string { return s.plan.rules.expressions() }

// Watched returns the URLs of what the rules judge, as far as they are known before it
// runs: the targets, or those that the job of the configuration file lists itself, 20 at
// most. Those of the file have no query.
func (s *Server) Watched() []string { return s.plan.watched }

// Ready is closed when the API answers, targets are scraped and rules are
// evaluated. It stays open if [Server.Run] fails before that.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// maxMended is how often damage is set aside: that of blocks, and that of the log.
const maxMended = 2

// Run opens the database, scrapes and evaluates rules until the context ends,
// and then stops in order: rules and the API, which answers 503, then scraping,
// then the database. It runs once. It returns nil after an orderly end, and an error for a
// database that cannot be opened or closed.
//
// When the disk fills up it rests, the database closed and the API answering 503,
// until there is space again. When the clock was set back it sets the samples of
// the future aside, because no newer ones could be stored beside them; and it sets
// aside what is damaged beyond the library's own repair.
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
			s.own.WarnContext(ctx, "metrics of the future are set aside", "aside", aheadDir, "err", oneLine(err))
		case errors.Is(err, errBroken) && mended < maxMended:
			mended++
			s.own.WarnContext(ctx, "metrics cannot be read, what is damaged is set aside", "aside", brokenDir, "err", oneLine(err))
		case (errors.Is(err, ErrFull) || errors.Is(err, syscall.ENOSPC)) && s.wasReady():
			s.own.WarnContext(ctx, "metrics rest until there is more disk space", "err", oneLine(err))
			if !s.options.rest(ctx) {
				return nil
			}
			s.own.InfoContext(ctx, "metrics go on, there is disk space again")
		default:
			return err
		}
	}
}

// watch scrapes and evaluates until the context ends. An error that wraps
// [ErrFull], errAhead or errBroken means that it may begin anew.
func (s *Server) watch(ctx context.Context) (err error) {
	// The library registers its metrics while it is put together, and panics
	// where one is registered twice.
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
		return nil // It was over before it began, after a long replay perhaps.
	}
	s.gate.open(newAPI(p, s.options, s.plan, reg, s.logger))
	defer s.gate.close()
	stop, err := p.start(s.plan)
	if err != nil {
		return err
	}
	s.once.Do(func() { close(s.ready) })
	var telling sync.WaitGroup
	tellContext, endTelling := context.WithCancel(ctx)
	telling.Go(func() { s.tellHealth(tellContext, p.scrape.TargetsActive) })
	err = db.tend(ctx)
	endTelling()
	telling.Wait()

	// The rules stop at once. They must not see the targets of a process that
	// stops go away, while a query is still under way.
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
