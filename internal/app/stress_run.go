package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"onsale/internal/endpoint"
	"onsale/internal/server"
	"onsale/internal/stress"
	"onsale/internal/stress/control"
	"onsale/internal/stress/history"
	"onsale/internal/stress/metrics"
	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
	"onsale/internal/stress/session"
	"onsale/internal/telemetry"
)

// test is one load test from the command line.
type test struct {
	options StressOptions
	source  *source
	session *session.Session
	kept    *history.Store // nil where runs are not kept
	metrics *metrics.Metrics
	live    *report.Live
	log     *slog.Logger // writes above the view

	parts *lifecycle // the servers beside the test
	// ended is closed when the run is over.
	ended chan struct{}
}

// newTest checks all that was asked for.
func newTest(ctx context.Context, o StressOptions) (*test, error) {
	settings, err := o.settings()
	if err == nil {
		err = o.validAccess()
	}
	if err != nil {
		return nil, err
	}
	worker, workers, err := session.ParseWorker(o.Worker)
	if err != nil {
		return nil, asFlag(err)
	}
	// What is said while the view is drawn goes above it.
	live := report.NewLive(report.LiveOptions{Out: o.Err, Size: o.Size, NoColor: o.NoColor})
	t := &test{options: o, live: live, log: o.NewLogger(live), ended: make(chan struct{})}
	t.parts = newLifecycle(t.log, func(part string, err error) { say(live, "the %s ended, the load test goes on: %v", part, err) })
	if t.source, err = newSource(o, worker, workers); err != nil {
		return nil, err
	}
	t.source.target.Resolve(ctx, o.Resolver)
	if o.MetricsAddr != "" {
		t.metrics = metrics.New(telemetry.NewRegistry(telemetry.ReadBuild()), metrics.Options{
			Scenario: t.source.Scenario.Name, Host: t.source.target.String(), Worker: cmp.Or(o.Worker, "0/1"),
		})
	}
	t.session, err = session.New(session.Options{
		Settings: settings, Source: t.source.Source, Target: t.source.target, Wire: t.source.wire,
		Metrics: t.metrics, AdminToken: t.targetToken(),
		Program: Version(), Logger: t.log,
	})
	if err != nil {
		return nil, asFlag(err)
	}
	if o.Keep {
		t.kept = history.New(o.DataDir)
	}
	return t, nil
}

// targetToken is the admin token, if it may go to the target.
func (t *test) targetToken() string {
	target := t.source.target
	if t.options.TokenMeant || target.Private() {
		return t.options.AdminToken
	}
	if t.options.AdminToken != "" {
		t.source.notes = append(t.source.notes, "the admin token of the environment is not sent over plain http to "+target.String()+"; --admin-token-file sends it")
	}
	return ""
}

// before looks at the server, and asks before something could be hurt.
func (t *test) before(ctx context.Context) error {
	o := t.options
	if err := t.canWrite(); err != nil {
		return err
	}
	if !o.Headless && !o.OnlySummary {
		say(t.live, "there is no web page for load tests yet: --headless is implied")
	}
	for _, note := range append(t.source.notes, t.session.Warnings()...) {
		say(t.live, "%s", note)
	}
	var search *session.Search
	if o.FindCapacity {
		search = &session.Search{StepTime: o.StepTime, Start: o.StartLoad, Max: o.MaxLoad}
		if err := t.session.CheckSearch(*search); err != nil {
			return asFlag(err)
		}
	}
	if question := t.session.Question(search); question != "" && !o.Confirm(question) {
		return fmt.Errorf("%s was not confirmed; --yes confirms it without asking", question)
	}
	if !o.Check {
		return nil
	}
	t.session.Await(ctx, o.Wait, func() {
		say(t.live, "waiting up to %s for %s to be ready", o.Wait, t.source.target)
	})
	notes, err := t.session.Check(ctx, o.Prepare)
	for _, note := range notes {
		say(t.live, "%s", note)
	}
	return err
}

// open binds the addresses of what is served beside the test.
func (t *test) open(ctx context.Context) error {
	o := t.options
	if o.MetricsAddr != "" {
		mounts := []server.Mount{{Pattern: "/metrics", Handler: t.metrics.Handler(t.log)}}
		addr, err := t.serveAside(ctx, "--metrics-addr", o.MetricsAddr, mounts)
		if err != nil {
			return err
		}
		say(t.live, "metrics on %s/metrics", endpoint.LocalURL(addr))
	}
	if o.Listen != "" {
		streaming, endStreams := context.WithCancel(ctx)
		desk := session.NewDesk(session.DeskOptions{
			Store: t.kept, Host: t.source.target.String(), Target: t.source.target, AdminToken: t.targetToken(), Resolver: o.Resolver,
			Program: Version(), Logger: t.log,
		})
		desk.Adopt(t.session, t.ended)
		handler := control.Handler(streaming, desk, t.log)
		addr, err := t.serveAside(ctx, "--listen", o.Listen, deskMounts(handler))
		if err != nil {
			endStreams()
			return err
		}
		// A run that was started at the desk after this one ends first, and the
		// event streams as well: the server waits for them.
		t.parts.OnStop("load test", deskLimit, func(ctx context.Context) error {
			endStreams()
			return desk.Close(ctx)
		})
		say(t.live, "control on %s/stress", endpoint.LocalURL(addr))
	}
	return nil
}

// run lets the test run.
func (t *test) run(ctx context.Context) (result.Run, error) {
	defer close(t.ended)
	watch := func(r result.Run, now stress.Now) { t.live.Update(r, now) }
	if t.options.OnlySummary {
		watch = nil
	} else {
		t.live.Begin(t.session.Report(), stress.Now{Left: t.session.Length()})
		defer t.live.End()
	}
	if t.options.FindCapacity {
		return t.session.FindCapacity(ctx, session.Search{
			StepTime: t.options.StepTime, Start: t.options.StartLoad, Max: t.options.MaxLoad, Step: t.sayStep,
		}, watch)
	}
	return t.session.Run(ctx, watch)
}

// linger waits until the last figures were scraped.
func (t *test) linger(ctx context.Context) {
	if t.metrics == nil || t.options.MetricsLinger == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.options.MetricsLinger)
	defer cancel()
	say(t.live, "waits up to %s for the metrics to be scraped once more", t.options.MetricsLinger)
	if !t.metrics.AwaitScrape(ctx) {
		say(t.live, "nobody scraped the last metrics")
	}
}
