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
	// queryTimeout limits an API query; the Prometheus binary allows 2 min. Including
	// the wait for its turn, a call takes at most 10 s.
	queryTimeout = 5 * time.Second
	// maxSamples limits the samples that an API query holds in memory, 16 bytes each:
	// 32 MB, where the binary allows 800 MB.
	maxSamples = 2_000_000
	// ruleTimeout and maxRuleSamples are the limits for rules. They are higher because
	// the operator writes the rules.
	ruleTimeout    = 30 * time.Second
	maxRuleSamples = 3_000_000

	// outageTolerance is the longest outage of the monitoring after which pending alerts
	// keep their state. It is the binary's default.
	outageTolerance = time.Hour
	// graceEvaluations is how many evaluations a pending alert still waits after a
	// restart, at least. The binary waits 10 min and restarts the wait of alerts with a
	// shorter "for". Onsale's alerts wait a minute, so that would be all of them.
	graceEvaluations = 2

	// newTargets is how often changed targets are applied. The library's 5 s would delay
	// the first scrape.
	newTargets = time.Second
	// patience is how long a stop waits for running queries and rules.
	patience = 5 * time.Second
)

// parts holds the parts of a Prometheus that share a database.
type parts struct {
	db        *tsdb.DB
	queries   *promql.Engine
	discovery *discovery.Manager
	scrape    *scrape.Manager
	rules     *rules.Manager
	// whileScraping runs while targets are scraped, until its context ends.
	whileScraping func()

	stopDiscovery, stopRules, stopWhileScraping context.CancelFunc
}

// newParts connects the parts and starts nothing. The parts ignore the end of ctx; the
// function that start returns stops them.
func newParts(ctx context.Context, o Options, p plan, db *tsdb.DB, reg prometheus.Registerer, logger *slog.Logger) (_ *parts, err error) {
	ctx = context.WithoutCancel(ctx)
	discoveryContext, stopDiscovery := context.WithCancel(ctx)
	rulesContext, stopRules := context.WithCancel(ctx)
	scrapingContext, stopWhileScraping := context.WithCancel(ctx)
	a := &parts{db: db, stopDiscovery: stopDiscovery, stopRules: stopRules, stopWhileScraping: stopWhileScraping}
	defer func() {
		if err != nil {
			stopDiscovery()
			stopRules()
			stopWhileScraping()
		}
	}()

	a.queries = newEngine(o, p, promql.EngineOpts{
		MaxSamples: maxSamples, Timeout: queryTimeout, Reg: reg, Logger: logger.With("part", "queries"),
	})
	// Rules have their own engine, so that alerts do not wait for dashboards.
	engine := newEngine(o, p, promql.EngineOpts{
		MaxSamples: maxRuleSamples, Timeout: ruleTimeout, Logger: logger.With("part", "rules"),
	})

	sdMetrics, err := discovery.CreateAndRegisterSDMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("create discovery: %w", err)
	}
	a.discovery = discovery.NewManager(discoveryContext, logger.With("part", "discovery"), reg, sdMetrics,
		discovery.Name("scrape"), discovery.Updatert(newTargets))
	if a.discovery == nil {
		return nil, errors.New("create discovery: its metrics cannot be registered")
	}
	a.scrape, err = scrape.NewManager(&scrape.Options{
		DiscoveryReloadInterval:  model.Duration(newTargets),
		DiscoveryReloadOnStartup: true,
	}, logger.With("part", "scrape"), nil, nil, db, reg)
	if err != nil {
		return nil, fmt.Errorf("create scrape manager: %w", err)
	}
	query := rules.EngineQueryFunc(engine, db)
	a.whileScraping = func() {
		if o.WhileScraping != nil {
			o.WhileScraping(scrapingContext, Source{
				Query:     func(ctx context.Context, expr string) (promql.Vector, error) { return query(ctx, expr, o.Now()) },
				Announces: a.announces,
			})
		}
	}
	a.rules = rules.NewManager(&rules.ManagerOptions{
		ExternalURL:     p.url,
		QueryFunc:       query,
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

// newEngine returns a PromQL engine like that of the Prometheus binary, with limits.
func newEngine(o Options, p plan, limits promql.EngineOpts) *promql.Engine {
	limits.LookbackDelta = o.LookbackDelta
	limits.NoStepSubqueryIntervalFn = func(int64) int64 { return o.EvaluationInterval.Milliseconds() }
	limits.EnableAtModifier, limits.EnableNegativeOffset = true, true
	limits.Parser = p.parser
	return promql.NewEngine(limits)
}

// start starts to scrape and to evaluate rules. stop ends both. It stops the rules first,
// so that they do not alert on series that end only because scraping stops. If start
// fails, it has stopped everything.
func (a *parts) start(p plan) (stop func(), err error) {
	var running sync.WaitGroup
	stop = func() {
		a.stopWhileScraping()
		late := time.AfterFunc(patience, a.stopRules)
		a.rules.Stop()
		late.Stop()
		a.stopRules()
		a.stopDiscovery()
		a.scrape.Stop()
		running.Wait()
	}
	running.Go(a.rules.Run)
	running.Go(func() { _ = a.discovery.Run() })                  // Its error is that its context has ended.
	running.Go(func() { _ = a.scrape.Run(a.discovery.SyncCh()) }) // Its error is always nil.
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
	running.Go(a.whileScraping)
	return stop, nil
}
