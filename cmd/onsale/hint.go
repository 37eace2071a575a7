package main

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// foreign lists flags of other programs by the command that people try them on, with what
// to use instead.
var foreign = map[string][]struct{ flags, instead string }{
	"stress": {
		{"-f --locustfile --script", "onsale does not run Python or JavaScript: use --scenario with a built-in scenario or a YAML file, see docs/stress-scenario.md"},
		{"-c --connections --concurrency --concurrent --clients --vus --num-users --workers", "use -u, --users"},
		{"-z -d --duration --run-time-limit --max-time", "use -t, --run-time"},
		{"-n --requests --iterations --num-requests", "use -t, --run-time: a run ends after a time, not after a number of requests"},
		{"-q --rps --qps --arrival-rate", "use --rate, as in --rate 500/s"},
		{"-m", "use -X, --method"},
		{"-L --latency", "percentiles are always printed"},
		{"--data --data-raw --data-binary --json-body", "use -d, --body, or --curl for a whole curl command"},
		{"--hatch-rate", "use -r, --spawn-rate"},
		{"--stage", "use --stages, as in --stages 30s:100,2m:1000"},
		{"--threshold", "use --fail-if, as in --fail-if 'p95>500ms'"},
		{"--master --expect-workers --processes", "use --worker I/N in each of N processes"},
		{"--web-host --web-port --port -P -p", "use --listen"},
		{"--out -o --summary-export --output", "use --json, --csv or --html"},
		{"--insecure-skip-tls-verify", "use -k, --insecure"},
		{"--disable-keepalive --no-connection-reuse", "use --new-connections"},
	},
	"automate": {
		{"-u --url --server --target --base-url", "use -H, --host"},
		{"-n --requests --iterations", "use --count"},
		{"-t --time --run-time", "use --duration"},
	},
	"monitor": {{"-H --host --url -u", "use --target"}, {"-p --port --addr --address --bind --web.listen-address", "use --listen"}},
	"health":  {{"-H --host --url -u --target", "give the URL without a flag, or use --listen"}, {"-t --max-time", "use --timeout"}},
	"smoke":   {{"-H --host --url -u --target", "give the URL without a flag"}, {"--token --admin-token", "use --admin-token-file"}},
	"": {
		{"-p --port --addr --address --bind --host", "use --listen"},
		{"--db --database --database-url --dsn", "use the environment variable DATABASE_URL"},
		{"-v --verbose", "use -V, --version, or --log-level debug"},
	},
}

// unknownFlag matches kong's message about an unknown flag.
var unknownFlag = regexp.MustCompile(`^unknown flag (-[^ ,]+)(, did you mean .*)?$`)

// explain returns the message about arguments that could not be parsed. For a flag of
// another program it names what to use instead. For an unknown flag of one letter it drops
// kong's suggestions: every other such flag differs by one letter.
func explain(err error) string {
	command := selected(err)
	see := " (see " + strings.TrimSpace("onsale "+command) + " --help)"
	found := unknownFlag.FindStringSubmatch(err.Error())
	if found == nil {
		return err.Error() + see
	}
	flag, similar := found[1], found[2]
	first, _, _ := strings.Cut(command, " ")
	others := slices.Concat(foreign[first], foreign[""])
	if first == "export" {
		others = nil // it neither listens nor opens a database
	}
	for _, f := range others {
		for known := range strings.FieldsSeq(f.flags) {
			if known == flag {
				return "unknown flag " + flag + ": " + f.instead + see
			}
		}
	}
	if !strings.HasPrefix(flag, "--") {
		similar = ""
	}
	return "unknown flag " + flag + similar + see
}

// selected returns the full name of the command whose arguments could not be parsed, or
// nothing if no command was named.
func selected(err error) string {
	if broken, ok := errors.AsType[*kong.ParseError](err); ok {
		var names []string
		for node := broken.Context.Selected(); node != nil && node.Parent != nil; node = node.Parent {
			names = append([]string{node.Name}, names...)
		}
		return strings.Join(names, " ")
	}
	return ""
}

// asHelp turns `onsale help COMMAND` into `onsale COMMAND --help`, and `onsale stress --help`
// into the help of `onsale stress run`, which has the flags.
func asHelp(args []string) []string {
	if len(args) > 0 && args[0] == "help" {
		args = append(args[1:len(args):len(args)], "--help")
	}
	if len(args) == 2 && args[0] == "stress" && (args[1] == "--help" || args[1] == "-h") {
		return []string{"stress", "run", "--help"}
	}
	return args
}
