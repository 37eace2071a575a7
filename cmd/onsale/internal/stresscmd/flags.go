// Package stresscmd is `onsale stress`: load tests from the command line, and the saved runs.
//
// Each option is a field of [RunCommand]. Those that are recorded with a run are copied to
// [result.Settings].
package stresscmd

import (
	"time"
)

// Command is `onsale stress`.
type Command struct {
	Run     RunCommand     `cmd:"" default:"withargs" help:"Run a load test (the default)."`
	List    ListCommand    `cmd:"" help:"List the saved runs."`
	Show    ShowCommand    `cmd:"" help:"Show a saved run."`
	Compare CompareCommand `cmd:"" help:"Compare two saved runs."`
}

// RunCommand is `onsale stress run`, and also `onsale stress` without a subcommand.
type RunCommand struct {
	URL string `arg:"" optional:"" help:"URL to send plain requests to, instead of a scenario."`

	Host     string `help:"URL of the server; http://127.0.0.1:8000 for the built-in scenarios." short:"H" env:"ONSALE_STRESS_HOST" placeholder:"URL" group:"Target"`
	Scenario string `help:"Built-in scenario (tickets, tickets-random-deny, items, browse or rush), or a scenario file in YAML." env:"ONSALE_STRESS_SCENARIO" placeholder:"tickets" group:"Target"`
	Curl     string `help:"Request to send, as a curl command that a browser has copied." placeholder:"'curl …'" group:"Target"`
	Method   string `help:"Method of the plain request; by default GET, or POST with a body." short:"X" placeholder:"METHOD" group:"Target"`
	// No separator: the values of headers can contain commas.
	Header []string `help:"Header of the plain request; repeatable." sep:"none" placeholder:"'Name: value'" group:"Target"`
	Body   string   `help:"Body of the plain request; @FILE reads it from a file." short:"d" placeholder:"TEXT" group:"Target"`

	Users       *int     `help:"Number of simulated users." short:"u" placeholder:"N" env:"ONSALE_STRESS_USERS" group:"Load"`
	SpawnRate   *float64 `help:"Users started per second; 1 by default, all at once for a plain request and rush." short:"r" placeholder:"N" group:"Load"`
	RunTime     string   `help:"Length of the run: 90s, 20m, 1h30m, or seconds; without it, the run ends on Ctrl-C." short:"t" placeholder:"TIME" group:"Load"`
	Rate        string   `help:"Arrival rate: tasks started per second, independent of how fast the server answers (open model)." env:"ONSALE_STRESS_RATE" placeholder:"500/s" group:"Load"`
	Arrivals    string   `help:"Distribution of the arrivals of --rate: constant or poisson." enum:"constant,poisson" default:"constant" group:"Load"`
	MaxInFlight int      `help:"Maximum number of concurrent tasks with --rate; further arrivals are not sent, but counted." default:"10000" group:"Load"`
	Stages      string   `help:"Load over time: users, or tasks per second with /s. The load changes linearly within each stage." placeholder:"30s:100,2m:1000,30s:0" xor:"shape" group:"Load"`
	Ramp        string   `help:"Load that changes linearly from one number to another." placeholder:"FROM:TO:TIME" xor:"shape" group:"Load"`
	Spike       string   `help:"Load with a spike: base load for BEFORE, peak load for FOR, then base load again." placeholder:"BASE:PEAK:BEFORE:FOR" xor:"shape" group:"Load"`
	Steps       string   `help:"Load that changes in steps of BY, each for TIME." placeholder:"FROM:TO:BY:TIME" xor:"shape" group:"Load"`
	StopTimeout string   `help:"Time that running tasks get to finish at the end." short:"s" default:"10s" group:"Load"`
	Seed        uint64   `help:"Random seed; 0 picks a new one each time." default:"0" env:"ONSALE_STRESS_SEED" group:"Load"`
	Worker      string   `help:"Share of the load for this process: worker I of N. I starts at 0, like JOB_COMPLETION_INDEX." placeholder:"I/N" group:"Load"`

	Timeout        time.Duration `help:"Time to wait for an answer." default:"30s" env:"ONSALE_STRESS_TIMEOUT" group:"Connection"`
	CACert         string        `name:"cacert" help:"File with the certificate authorities to trust, instead of the system's." type:"path" placeholder:"FILE" group:"Connection"`
	Insecure       bool          `help:"Accept any certificate." short:"k" group:"Connection"`
	NewConnections bool          `help:"Open a new connection for each request." group:"Connection"`
	Redirects      int           `help:"Maximum number of redirects to follow within the host; any other redirect is a failure." default:"0" group:"Connection"`

	FailIf     []string      `help:"Fail the run if this is true: p95>500ms, failures>1%, rps<1000, p99{/buy/[id]}>2s; repeatable; 'none' disables failure checks. By default failures>0 and not_sent>1%." sep:"none" placeholder:"THRESHOLD" group:"Verdict"`
	Abort      bool          `help:"Stop the run as soon as a threshold is crossed." group:"Verdict"`
	WarmUp     string        `help:"Initial time of the run to exclude from the results." placeholder:"TIME" group:"Verdict"`
	ResetStats bool          `help:"Exclude the time until all users are running from the results." group:"Verdict"`
	Capacity   bool          `name:"find-capacity" help:"Find the highest load at which no threshold is crossed." group:"Verdict"`
	StepTime   time.Duration `help:"Time to run at each load, with --find-capacity." default:"10s" group:"Verdict"`
	StartLoad  float64       `help:"First load to try: users, or tasks per second with --rate; 10 users or 100/s by default." placeholder:"N" group:"Verdict"`
	MaxLoad    float64       `help:"Highest load to try; by default 1,000 users or 5,000/s on a host that is not loopback." placeholder:"N" group:"Verdict"`

	Headless    bool   `help:"Run without a web page. There is no web page yet, so this is implied." group:"Output"`
	OnlySummary bool   `help:"Print nothing during the run." group:"Output"`
	CSV         string `help:"Write PREFIX_stats.csv, PREFIX_stats_history.csv, PREFIX_failures.csv and PREFIX_exceptions.csv, with the columns of Locust." placeholder:"PREFIX" group:"Output"`
	JSON        string `help:"Write the report as JSON; - is standard output." placeholder:"FILE" group:"Output"`
	HTML        string `help:"Write the report as one HTML page." placeholder:"FILE" group:"Output"`
	DataDir     string `help:"Directory that keeps the last 50 runs." default:"onsale-data" type:"path" group:"Output"`
	Keep        bool   `help:"Save the run in the data directory." default:"true" negatable:"" group:"Output"`

	MetricsAddr   string        `help:"Serve /metrics on this address, host:port." placeholder:"ADDR" group:"Control"`
	MetricsLinger time.Duration `help:"Time to wait at the end for a last scrape of the metrics." default:"20s" group:"Control"`
	Listen        string        `help:"Serve the API that controls the run on this address, host:port." env:"ONSALE_STRESS_LISTEN" placeholder:"ADDR" group:"Control"`
	Prepare       bool          `help:"Create a concert with enough tickets first." group:"Control"`
	Check         bool          `help:"Check the server before the run." default:"true" negatable:"" group:"Control"`
	Wait          time.Duration `help:"Time to wait for a server that is starting; 0 does not wait." default:"5s" env:"ONSALE_STRESS_WAIT" group:"Control"`
	Yes           bool          `help:"Do not ask for confirmation of more than 1,000 users or 5,000/s against a host that is not loopback." env:"-" group:"Control"`

	AllowedHosts   []string `help:"Domain names of --listen and --metrics-addr. Without an admin token, requests for any other name are rejected." placeholder:"NAME" group:"Control"`
	AdminTokenFile string   `help:"File with the admin token of the server, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE" group:"Control"`
}

// Help is shown under `onsale stress --help`.
func (RunCommand) Help() string {
	return `Without arguments, simulated users list concerts and buy tickets (--scenario
tickets). With a URL or --curl, each user repeats that request without a pause.
With --scenario FILE.yaml, users run the tasks in the file.

Ctrl-C finishes the running tasks and prints the report; a second Ctrl-C exits
immediately. The exit code is 0 if the run passed, 1 if it failed, 2 for a usage
error, and 3 if the load tester was the bottleneck.

"run" can be left out. "onsale stress list", "show" and "compare" read saved
runs. See docs/stress.md for more, and for tables of the options of Locust and
k6.

Examples:
  onsale stress -u 100 -r 10 -t 1m --prepare
  onsale stress http://127.0.0.1:8000/concerts --rate 500/s -t 30s
  onsale stress --find-capacity --rate 100/s --fail-if 'p95>500ms'`
}
