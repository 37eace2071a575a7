package prom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	// queryTimeout limits a query of the API; the binary has 2 m. With the wait for
	// its turn a call takes 10 s at most.
	queryTimeout = 5 * time.Second
	// maxSamples limits how many samples a query of the API holds in memory, 16
	// bytes each: at most 32 MB where the binary allows 800.
	maxSamples = 2_000_000
	// ruleTimeout and maxRuleSamples are the same for rules, which the operator
	// writes.
	ruleTimeout    = 30 * time.Second
	maxRuleSamples = 3_000_000

	// outageTolerance is how long the monitoring may have been away for alerts to
	// go on waiting where they were; as the binary.
	outageTolerance = time.Hour
	// graceEvaluations is for how many evaluations an alert that was waiting
	// before a restart waits at least after it. The binary has 10 m, and lets an
	// alert whose own wait is shorter begin anew; with waits of a minute that
	// would be all of them.
	graceEvaluations = 2

	// newTargets is how often changes of targets are looked for; the library's
	// 5 s would hold back the first scrape.
	newTargets = time.Second
	// patience is how long the end waits for queries and rules under way.
	patience = 5 * time.Second
)

// parts are the parts of a Prometheus that share a database.
type parts struct {
	db        *tsdb.DB
	queries   *promql.Engine
	discovery *discovery.Manager
	scrape    *scrape.Manager
	rules     *rules.Manager
	// beside runs while targets are scraped, until its context ends.
	beside func()

	stopDiscovery, stopRules, stopBeside context.CancelFunc
}

// newParts puts the parts together and starts nothing. What is under way when
// ctx ends is brought to an end by the function that start returns.
func newParts(ctx context.Context, o Options, p plan, db *tsdb.DB, reg prometheus.Registerer, logger *slog.Logger) (_ *parts, err error) {
	ctx = context.WithoutCancel(ctx)
	discoveryContext, stopDiscovery := context.WithCancel(ctx)
	rulesContext, stopRules := context.WithCancel(ctx)
	besideContext, stopBeside := context.WithCancel(ctx)
	a := &parts{db: db, stopDiscovery: stopDiscovery, stopRules: stopRules, stopBeside: stopBeside}
	defer func() {
		if err != nil {
			stopDiscovery()
			stopRules()
			stopBeside()
		}
	}()

	a.queries = newEngine(o, p, promql.EngineOpts{
		MaxSamples: maxSamples, Timeout: queryTimeout, Reg: reg, Logger: logger.With("part", "queries"),
	})
	// Rules have an engine of their own: an alert does not wait behind a dashboard.
	engine := newEngine(o, p, promql.EngineOpts{
		MaxSamples: maxRuleSamples, Timeout: ruleTimeout, Logger: logger.With("part", "rules"),
	})

	sdMetrics, err := discovery.CreateAndRegisterSDMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("make discovery: %w", err)
	}
	a.discovery = discovery.NewManager(discoveryContext, logger.With("part", "discovery"), reg, sdMetrics,
		discovery.Name("scrape"), discovery.Updatert(newTargets))
	if a.discovery == nil {
		return nil, errors.New("make discovery: its metrics cannot be registered")
	}
	a.scrape, err = scrape.NewManager(&scrape.Options{
		DiscoveryReloadInterval:  model.Duration(newTargets),
		DiscoveryReloadOnStartup: true,
	}, logger.With("part", "scrape"), nil, nil, db, reg)
	if err != nil {
		return nil, fmt.Errorf("make scraping: %w", err)
	}
	ask := rules.EngineQueryFunc(engine, db)
	a.beside = func() {
		if o.Beside != nil {
			o.Beside(besideContext, Inside{
				Query:     func(ctx context.Context, expr string) (promql.Vector, error) { return ask(ctx, expr, o.Now()) },
				Announces: a.announces,
			})
		}
	}
	a.rules = rules.NewManager(&rules.ManagerOptions{
		ExternalURL:     p.url,
		QueryFunc:       ask,
		NotifyFunc:      notify(p.url.String(), p.config.GlobalConfig.ExternalLabels, o.Send),
		Context:         rulesContext,
		Appendable:      db,
		Queryable:       db,
		Logger:          logger.With("part", "rules"),
		Registerer:      reg,
		OutageTolerance: outageTolerance,
		ForGracePeriod:  graceEvaluations * o.EvaluationInterval,
		ResendDelay:     o.ResendDelay,
		GroupLoader:     p.rules,
		Parser:          p.parser,
	})
	return a, nil
}

// newEngine makes a PromQL engine as that of the Prometheus binary, with limits.
func newEngine(o Options, p plan, limits promql.EngineOpts) *promql.Engine {
	limits.LookbackDelta = o.LookbackDelta
	limits.NoStepSubqueryIntervalFn = func(int64) int64 { return o.EvaluationInterval.Milliseconds() }
	limits.EnableAtModifier, limits.EnableNegativeOffset = true, true
	limits.Parser = p.parser
	return promql.NewEngine(limits)
}

// start scrapes and evaluates rules until the returned function is called, which
// stops rules first, so that none sees series end that only nobody scrapes any
// more. If it fails it has stopped what it started.
func (a *parts) start(p plan) (stop func(), err error) {
	var running sync.WaitGroup
	stop = func() {
		a.stopBeside()
		late := time.AfterFunc(patience, a.stopRules)
		a.rules.Stop()
		late.Stop()
		a.stopRules()
		a.stopDiscovery()
		a.scrape.Stop()
		running.Wait()
	}
	running.Go(a.rules.Run)
	running.Go(func() { _ = a.discovery.Run() })                  // It ends with its context, and says so.
	running.Go(func() { _ = a.scrape.Run(a.discovery.SyncCh()) }) // It has no error to return.
	if err := a.scrape.ApplyConfig(p.config); err != nil {
		stop()
		return nil, fmt.Errorf("start scraping: %w", err)
	}
	targets := make(map[string]discovery.Configs)
	for _, job := range p.config.ScrapeConfigs {
		targets[job.JobName] = job.ServiceDiscoveryConfigs
	}
	if err := a.discovery.ApplyConfig(targets); err != nil {
		stop()
		return nil, fmt.Errorf("start discovery: %w", err)
	}
	global := p.config.GlobalConfig
	if err := a.rules.Update(time.Duration(global.EvaluationInterval), p.rules.names, global.ExternalLabels, p.url.String(), nil); err != nil {
		stop()
		return nil, fmt.Errorf("start rules: %w", err)
	}
	running.Go(a.beside)
	return stop, nil
}
