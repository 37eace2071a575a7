package stresscmd

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
	"onsale/internal/stress/api"
	"onsale/internal/stress/history"
	"onsale/internal/stress/metrics"
	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
	"onsale/internal/stress/scenariofile"
	"onsale/internal/stress/session"
	"onsale/internal/telemetry"
)

// test is one load test from the command line.
type test struct {
	flags *RunCommand
	env   *command.Env
	// token is the admin token. targetToken is the token that is sent to the target: the same or none.
	token, targetToken string
	noColor            bool

	source  *source
	session *session.Session
	kept    *history.Store // nil with --no-keep
	metrics *metrics.Metrics
	live    *report.Live
	log     *slog.Logger // writes above the live view
	servers *app.StressServers
	// ended is closed when the run has ended.
	ended chan struct{}
}

// newTest builds a load test from the flags, and checks all of them.
func newTest(ctx context.Context, c *RunCommand, e *command.Env, token string) (*test, error) {
	settings, err := c.settings()
	if err != nil {
		return nil, err
	}
	// Messages and log lines go above the live view.
	t := &test{flags: c, env: e, token: token, ended: make(chan struct{})}
	_, t.noColor = e.Lookup("NO_COLOR")
	t.live = report.NewLive(report.LiveOptions{Out: e.Stderr, Size: e.Terminal(e.Stderr), NoColor: t.noColor})
	t.log = e.LogTo(t.live)
	t.servers, err = app.NewStressServers(app.StressServersOptions{
		MetricsAddr: c.MetricsAddr, Listen: c.Listen, AdminToken: token, AllowedHosts: c.AllowedHosts, Logger: t.log,
	})
	if err != nil {
		return nil, err
	}
	worker, workers, err := session.ParseWorker(c.Worker)
	if err != nil {
		return nil, asFlag(err)
	}
	if t.source, err = newSource(c, scenariofile.Options{Env: e.Lookup, Worker: worker, Workers: workers}); err != nil {
		return nil, err
	}
	t.source.target.Resolve(ctx, e.Resolver)
	t.targetToken = t.tokenOfTarget()
	if c.MetricsAddr != "" {
		t.metrics = metrics.New(telemetry.NewRegistry(telemetry.ReadBuild()), metrics.Options{
			Scenario: t.source.Scenario.Name, Host: t.source.target.String(), Worker: cmp.Or(c.Worker, "0/1"),
		})
	}
	t.session, err = session.New(session.Options{
		Settings: settings, Source: t.source.Source, Target: t.source.target, Wire: t.source.wire,
		Metrics: t.metrics, AdminToken: t.targetToken, Program: command.Version(), Logger: t.log,
	})
	if err != nil {
		return nil, asFlag(err)
	}
	if c.Keep {
		t.kept = history.New(c.DataDir)
	}
	return t, nil
}

// tokenOfTarget returns the admin token if it can be sent to the target, and adds a note if not.
func (t *test) tokenOfTarget() string {
	target := t.source.target
	if t.token == "" || target.Private() || t.env.TokenNamed(t.flags.AdminTokenFile) {
		return t.token
	}
	t.source.notes = append(t.source.notes, "the admin token from the environment is not sent in plain text to "+target.String()+"; use --admin-token-file to send it anyway")
	return ""
}

// before checks the server, and asks for confirmation of a load that could overload a remote host.
func (t *test) before(ctx context.Context) error {
	c := t.flags
	if err := t.canWrite(); err != nil {
		return err
	}
	if !c.Headless && !c.OnlySummary {
		app.Say(t.live, "there is no web page for load tests yet: --headless is implied")
	}
	for _, note := range append(t.source.notes, t.session.Warnings()...) {
		app.Say(t.live, "%s", note)
	}
	var search *session.Search
	if c.Capacity {
		search = &session.Search{StepTime: c.StepTime, Start: c.StartLoad, Max: c.MaxLoad}
		if err := t.session.CheckSearch(*search); err != nil {
			return asFlag(err)
		}
	}
	if question := t.session.Question(search); question != "" && !c.Yes && !t.env.Ask(ctx, question+". Continue?") {
		return fmt.Errorf("%s was not confirmed; --yes confirms it without asking", question)
	}
	if !c.Check {
		return nil
	}
	t.session.Await(ctx, c.Wait, func() {
		app.Say(t.live, "waiting up to %s for %s to be ready", c.Wait, t.source.target)
	})
	notes, err := t.session.Check(ctx, c.Prepare)
	for _, note := range notes {
		app.Say(t.live, "%s", note)
	}
	return err
}

// serve starts the servers that run during the test: metrics and control.
func (t *test) serve(ctx context.Context) error {
	if t.metrics != nil {
		url, err := t.servers.ServeMetrics(ctx, t.metrics.Handler(t.log))
		if err != nil {
			return err
		}
		app.Say(t.live, "metrics on %s/metrics", url)
	}
	if t.flags.Listen == "" {
		return nil
	}
	runs := api.NewManager(api.ManagerOptions{
		Store: t.kept, Host: t.source.target.String(), Target: t.source.target, AdminToken: t.targetToken,
		Resolver: t.env.Resolver, Program: command.Version(), Logger: t.log,
	})
	runs.Adopt(t.session, t.ended)
	url, err := t.servers.ServeControl(ctx, runs)
	if err != nil {
		return err
	}
	app.Say(t.live, "control on %s/stress", url)
	return nil
}

// run runs the test or the search for the capacity.
func (t *test) run(ctx context.Context) (result.Run, error) {
	defer close(t.ended)
	watch := func(r result.Run, now result.Now) { t.live.Update(r, now) }
	if t.flags.OnlySummary {
		watch = nil
	} else {
		t.live.Begin(t.session.Report(), result.Now{Left: t.session.Length()})
		defer t.live.End()
	}
	if t.flags.Capacity {
		return t.session.FindCapacity(ctx, session.Search{
			StepTime: t.flags.StepTime, Start: t.flags.StartLoad, Max: t.flags.MaxLoad, Step: t.sayStep,
		}, watch)
	}
	return t.session.Run(ctx, watch)
}

// linger waits until Prometheus has scraped the last metrics.
func (t *test) linger(ctx context.Context) {
	if t.metrics == nil || t.flags.MetricsLinger == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.flags.MetricsLinger)
	defer cancel()
	app.Say(t.live, "waiting up to %s for a last scrape of the metrics", t.flags.MetricsLinger)
	if !t.metrics.AwaitScrape(ctx) {
		app.Say(t.live, "the last metrics were not scraped")
	}
}
