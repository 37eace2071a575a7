package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/term"

	"onsale/internal/app"
)

// stressCmd is `onsale stress`: the load tester.
type stressCmd struct {
	Run     stressRunCmd     `cmd:"" default:"withargs" help:"Run a load test (the default)."`
	List    stressListCmd    `cmd:"" help:"List the runs that are kept."`
	Show    stressShowCmd    `cmd:"" help:"Show one of them again."`
	Compare stressCompareCmd `cmd:"" help:"Compare two of them."`
}

// stressRunCmd is `onsale stress` without a further word.
type stressRunCmd struct {
	URL string `arg:"" optional:"" help:"A plain request to this URL instead of a scenario."`

	Host     string `help:"URL of the server; http://127.0.0.1:8000 for the built-in scenarios." short:"H" env:"ONSALE_STRESS_HOST" placeholder:"URL" group:"What"`
	Scenario string `help:"tickets, tickets-random-deny, items, browse, rush, or a scenario file (YAML)." env:"ONSALE_STRESS_SCENARIO" placeholder:"tickets" group:"What"`
	Curl     string `help:"A request as a curl command, as browsers copy it." placeholder:"'curl …'" group:"What"`
	Method   string `help:"Method of the plain request; GET, or POST with a body." short:"X" placeholder:"METHOD" group:"What"`
	// Browsers' and servers' lists in headers have commas in them.
	Header []string `help:"Header of the plain request; may be given again." sep:"none" placeholder:"'Name: value'" group:"What"`
	Body   string   `help:"Body of the plain request; @FILE reads it." short:"d" placeholder:"TEXT" group:"What"`

	Users       *int     `help:"How many users there are." short:"u" placeholder:"N" env:"ONSALE_STRESS_USERS" group:"Load"`
	SpawnRate   *float64 `help:"Users that come a second; 1, or all at once for a plain request and rush." short:"r" placeholder:"N" group:"Load"`
	RunTime     string   `help:"How long to run: 90s, 20m, 1h30m, or seconds; not given, until Ctrl-C." short:"t" placeholder:"TIME" group:"Load"`
	Rate        string   `help:"Open model: begin so many tasks a second, however slow the answers are." env:"ONSALE_STRESS_RATE" placeholder:"500/s" group:"Load"`
	Arrivals    string   `help:"How these are spread: constant or poisson." enum:"constant,poisson" default:"constant" group:"Load"`
	MaxInFlight int      `help:"Tasks under way at once in the open model; what is due beyond is not sent, and counted." default:"10000" group:"Load"`
	Stages      string   `help:"Users, or tasks a second with /s, over time, in straight lines." placeholder:"30s:100,2m:1000,30s:0" xor:"shape" group:"Load"`
	Ramp        string   `help:"A ramp from one number to another." placeholder:"FROM:TO:TIME" xor:"shape" group:"Load"`
	Spike       string   `help:"A spike: so long the base, so long the peak, and the base again." placeholder:"BASE:PEAK:BEFORE:FOR" xor:"shape" group:"Load"`
	Steps       string   `help:"Steps from one number to another." placeholder:"FROM:TO:BY:TIME" xor:"shape" group:"Load"`
	StopTimeout string   `help:"How long tasks under way may go on at the end." short:"s" default:"10s" group:"Load"`
	Seed        uint64   `help:"Makes each user's dice repeatable; 0 rolls others each time." default:"0" env:"ONSALE_STRESS_SEED" group:"Load"`
	Worker      string   `help:"This process's part of the load: I of N, I from 0 on, as JOB_COMPLETION_INDEX counts." placeholder:"I/N" group:"Load"`

	Timeout        time.Duration `help:"How long to wait for an answer." default:"30s" env:"ONSALE_STRESS_TIMEOUT" group:"Connection"`
	CACert         string        `name:"cacert" help:"File with the certificates to trust instead of the system's." type:"path" placeholder:"FILE" group:"Connection"`
	Insecure       bool          `help:"Trust any certificate." short:"k" group:"Connection"`
	NewConnections bool          `help:"A new connection for each request." group:"Connection"`
	Redirects      int           `help:"Redirects within the host that are followed; others are failures." default:"0" group:"Connection"`

	FailIf     []string      `help:"Fail when this holds: p95>500ms, failures>1%, rps<1000, p99{/buy/[id]}>2s; may be given again; none fails for nothing. By default failures>0 and not_sent>1%." sep:"none" placeholder:"THRESHOLD" group:"Verdict"`
	Abort      bool          `help:"End the run as soon as a threshold is crossed." group:"Verdict"`
	WarmUp     string        `help:"Leave out the first part of the run from the figures." placeholder:"TIME" group:"Verdict"`
	ResetStats bool          `help:"Leave out the time until all users are there from the figures." group:"Verdict"`
	Capacity   bool          `name:"find-capacity" help:"Look for the highest load at which no threshold is crossed." group:"Verdict"`
	StepTime   time.Duration `help:"How long each load is tried for that." default:"10s" group:"Verdict"`
	StartLoad  float64       `help:"The first load tried: users, or tasks a second with --rate; 10 users or 100/s." placeholder:"N" group:"Verdict"`
	MaxLoad    float64       `help:"The highest load tried; on a host that is not loopback 1,000 users or 5,000/s unless said." placeholder:"N" group:"Verdict"`

	Headless    bool   `help:"Without a web page. There is none yet, so it is implied." group:"Output"`
	OnlySummary bool   `help:"Print nothing while it runs." group:"Output"`
	CSV         string `help:"Write PREFIX_stats.csv, PREFIX_stats_history.csv, PREFIX_failures.csv and PREFIX_exceptions.csv, in Locust's columns." placeholder:"PREFIX" group:"Output"`
	JSON        string `help:"Write the report as JSON; - is standard output." placeholder:"FILE" group:"Output"`
	HTML        string `help:"Write the report as one HTML page." placeholder:"FILE" group:"Output"`
	DataDir     string `help:"Directory in which the last 50 runs are kept." default:"onsale-data" type:"path" group:"Output"`
	Keep        bool   `help:"Keep the run." default:"true" negatable:"" group:"Output"`

	MetricsAddr   string        `help:"Serve /metrics on this address, host:port." placeholder:"ADDR" group:"Control"`
	MetricsLinger time.Duration `help:"How long to wait at the end for metrics to be scraped once more." default:"20s" group:"Control"`
	Listen        string        `help:"Serve the API that watches and changes the run on this address, host:port." env:"ONSALE_STRESS_LISTEN" placeholder:"ADDR" group:"Control"`
	Prepare       bool          `help:"Make a concert with enough tickets first." group:"Control"`
	Check         bool          `help:"Check the server before the run." default:"true" negatable:"" group:"Control"`
	Wait          time.Duration `help:"How long to wait for a server that is starting; 0 does not wait." default:"5s" env:"ONSALE_STRESS_WAIT" group:"Control"`
	Yes           bool          `help:"Do not ask before more than 1,000 users or 5,000/s go to a host that is not loopback." env:"-" group:"Control"`

	AllowedHosts   []string `help:"Domain names of --listen and --metrics-addr: without an admin token, requests that name another host are refused." placeholder:"NAME" group:"Control"`
	AdminTokenFile string   `help:"File with the server's admin token, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE" group:"Control"`
}

// asHelp makes `onsale help COMMAND` the help of that command, and the help of
// `onsale stress` that of its default command, which has the flags.
func asHelp(args []string) []string {
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	if len(args) == 2 && args[0] == "stress" && (args[1] == "--help" || args[1] == "-h") {
		return []string{"stress", "run", "--help"}
	}
	return args
}

// Help is shown under `onsale stress --help`.
func (stressRunCmd) Help() string {
	return `Without an argument the users of the built-in scenario look at concerts and buy
tickets. With a URL, a plain request is made as often as users can; with --curl,
that of the command; with --scenario FILE.yaml, what the file says.
Ctrl-C stops gently and still reports; a second one ends at once.
The exit code is 0 when passed, 1 when failed, 2 for wrong use, and 3 when the
tester itself was the bottleneck. "run" may be left out. "onsale stress list",
"show" and "compare" look at runs that are kept. docs/stress.md has the rest,
and tables for who comes from Locust or k6.`
}

// maxWait is the longest wait for a server that is starting.
const maxWait = time.Hour

// exitBottleneck is that of a load test in which the tester itself could not
// keep up.
const exitBottleneck = 3

// exitError is an exit code with nothing more to be said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// Run runs the load test.
func (c *stressRunCmd) Run(ctx context.Context, e *env) error {
	o, err := c.options(ctx, e)
	if err != nil {
		return &usageError{err}
	}
	code, err := app.Stress(ctx, o)
	switch {
	case errors.Is(err, app.ErrStressUse) && strings.Contains(err.Error(), "\n"):
		// What is wrong with a scenario file: a line each, as compilers say it.
		fmt.Fprintf(e.stderr, "onsale: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
		return exitError(exitUsage)
	case errors.Is(err, app.ErrStressUse):
		return &usageError{err}
	case err != nil && code == exitBottleneck:
		return exitError(fail(e.stderr, code, err))
	case err != nil:
		return err
	case code != exitOK:
		return exitError(code)
	}
	return nil
}

// given returns what a flag says that may be left out, or 0.
func given[T int | float64](value *T) T {
	if value == nil {
		return 0
	}
	return *value
}

// check returns an error for a flag that says nothing, and would be taken for one
// that was left out.
func (c *stressRunCmd) check() error {
	hint := cmp.Or(misplaced(c.URL), misplaced(strings.TrimSuffix(strings.TrimSuffix(c.Scenario, ".yaml"), ".yml")))
	switch {
	case hint != "":
		return errors.New(hint)
	case c.Users != nil && *c.Users < 1:
		return fmt.Errorf("--users must be at least 1, not %d", *c.Users)
	case c.SpawnRate != nil && !(*c.SpawnRate > 0):
		return fmt.Errorf("--spawn-rate must be above 0, not %g", *c.SpawnRate)
	case c.MaxInFlight < 1:
		return fmt.Errorf("--max-in-flight must be at least 1, not %d", c.MaxInFlight)
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout must be above 0, not %s", c.Timeout)
	case c.Wait < 0 || c.Wait > maxWait:
		return fmt.Errorf("--wait must be between 0 and %s, not %s", maxWait, c.Wait)
	}
	return nil
}

// options returns what the flags and the environment say.
func (c *stressRunCmd) options(ctx context.Context, e *env) (app.StressOptions, error) {
	token, err := adminToken(e, c.AdminTokenFile)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return app.StressOptions{}, err
	}
	o := app.StressOptions{
		URL: c.URL, Method: c.Method, Header: c.Header, Body: c.Body, Curl: c.Curl, Host: c.Host, Scenario: c.Scenario,
		Users: given(c.Users), SpawnRate: given(c.SpawnRate), Rate: c.Rate, Arrivals: c.Arrivals, RunTime: c.RunTime, MaxInFlight: c.MaxInFlight,
		Shape: c.shape(), StopTimeout: c.StopTimeout, Seed: c.Seed, Worker: c.Worker,
		Timeout: c.Timeout, CACert: c.CACert, Insecure: c.Insecure, NewConnections: c.NewConnections, Redirects: c.Redirects,
		FailIf: c.FailIf, Abort: c.Abort, WarmUp: c.WarmUp, ResetStats: c.ResetStats,
		FindCapacity: c.Capacity, StepTime: c.StepTime, StartLoad: c.StartLoad, MaxLoad: c.MaxLoad,
		Headless: c.Headless, OnlySummary: c.OnlySummary, CSV: c.CSV, JSON: c.JSON, HTML: c.HTML, DataDir: c.DataDir, Keep: c.Keep,
		MetricsAddr: c.MetricsAddr, MetricsLinger: c.MetricsLinger, Listen: c.Listen,
		Prepare: c.Prepare, Check: c.Check, Wait: c.Wait, AdminToken: token, TokenMeant: tokenMeant(e, c.AdminTokenFile), AllowedHosts: c.AllowedHosts,
		Confirm: func(question string) bool { return c.Yes || ask(ctx, e, question+". Go on?") },
		Env:     e.lookup, Out: e.stdout, Err: e.stderr, NewLogger: e.logTo,
	}
	_, o.NoColor = e.lookup("NO_COLOR")
	o.Size, o.OutSize = terminal(e, e.stderr), terminal(e, e.stdout)
	return o, nil
}

// terminal returns what tells the size of the terminal that a writer is; nil if
// it is none, or one that does not know the sequences that draw in place.
func terminal(e *env, w io.Writer) func() (columns, rows int, err error) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	kind, _ := e.lookup("TERM")
	_, modern := e.lookup("WT_SESSION") // older consoles of Windows must be asked to
	if kind == "dumb" || runtime.GOOS == "windows" && !modern {
		return nil
	}
	return func() (int, int, error) { return term.GetSize(int(file.Fd())) }
}

// shape returns the shape of the load, if one was asked for.
func (c *stressRunCmd) shape() string {
	for _, s := range []struct{ kind, text string }{{"stages", c.Stages}, {"ramp", c.Ramp}, {"spike", c.Spike}, {"steps", c.Steps}} {
		if s.text != "" {
			return s.kind + " " + s.text
		}
	}
	return ""
}

// stressListCmd is `onsale stress list`.
type stressListCmd struct{ keptFlags }

// keptFlags are those of what reads the runs that are kept.
type keptFlags struct {
	DataDir string `help:"Directory in which the last 50 runs are kept." default:"onsale-data" type:"path"`
	JSON    bool   `help:"As JSON." env:"-"`
}

// Run lists the runs.
func (c *stressListCmd) Run(e *env) error { return app.StressList(e.stdout, c.DataDir, c.JSON) }

// stressShowCmd is `onsale stress show`.
type stressShowCmd struct {
	keptFlags

	ID   string `arg:"" optional:"" default:"last" help:"The run: its id or how that begins, or last, last-1 and so on, or a file that --json wrote."`
	HTML string `help:"Write the report as one HTML page." env:"-" placeholder:"FILE"`
}

// Run shows a run again.
func (c *stressShowCmd) Run(e *env) error {
	return keptError(app.StressShow(e.stdout, terminal(e, e.stdout), c.DataDir, c.ID, c.HTML, c.JSON))
}

// stressCompareCmd is `onsale stress compare`.
type stressCompareCmd struct {
	keptFlags

	A string `arg:"" optional:"" default:"last-1" help:"The run to compare with, told as for show."`
	B string `arg:"" optional:"" default:"last" help:"The run to compare."`
}

// Run compares two runs.
func (c *stressCompareCmd) Run(e *env) error {
	return keptError(app.StressCompare(e.stdout, c.DataDir, c.A, c.B, c.JSON))
}

// keptError says whether it was asked for a run that is not there.
func keptError(err error) error {
	if errors.Is(err, app.ErrStressUse) {
		return &usageError{err}
	}
	return err
}
