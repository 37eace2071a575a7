// Package stresscmd is `onsale stress`: load tests from the command line, and the runs that
// are kept of them.
//
// An option is a field of [RunCommand]. What is recorded of a run goes from there into
// [result.Settings].
package stresscmd

import (
	"time"
)

// Command is `onsale stress`.
type Command struct {
	Run     RunCommand     `cmd:"" default:"withargs" help:"Run a load test (the default)."`
	List    ListCommand    `cmd:"" help:"List the runs that are kept."`
	Show    ShowCommand    `cmd:"" help:"Show one of them again."`
	Compare CompareCommand `cmd:"" help:"Compare two of them."`
}

// RunCommand is `onsale stress run`, and `onsale stress` without a further word.
type RunCommand struct {
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

// Help is shown under `onsale stress --help`.
func (RunCommand) Help() string {
	return `Without an argument the users of the built-in scenario look at concerts and buy
tickets. With a URL, a plain request is made as often as users can; with --curl,
that of the command; with --scenario FILE.yaml, what the file says.
Ctrl-C stops gently and still reports; a second one ends at once.
The exit code is 0 when passed, 1 when failed, 2 for wrong use, and 3 when the
tester itself was the bottleneck. "run" may be left out. "onsale stress list",
"show" and "compare" look at runs that are kept. docs/stress.md has the rest,
and tables for who comes from Locust or k6.`
}
