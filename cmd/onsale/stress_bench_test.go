package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/stress/result"
)

// asNoop is the variable that turns the test binary into a server that answers each request
// with the same few bytes. It uses as little of the processor as possible, because the load
// testers that are measured run on the same machine.
const asNoop = "ONSALE_TEST_AS_NOOP"

// noop serves until it is killed.
func noop() {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Fprintf(os.Stderr, "ready on http://%s\n", listener.Addr())
	for {
		c, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer c.Close()
			answerAll(c)
		}()
	}
}

// answerAll answers requests until one cannot be read completely.
func answerAll(c net.Conn) {
	const body = `{"concert_id":1,"quantity":1,"status":"success"}`
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	from := bufio.NewReader(c)
	for {
		length := 0
		for {
			line, err := from.ReadSlice('\n')
			if err != nil {
				return
			}
			if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
				break
			}
			if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
				if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
					return
				}
			}
		}
		if _, err := from.Discard(length); err != nil {
			return
		}
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// startNoop starts that server as a process.
func startNoop(tb testing.TB) *process {
	tb.Helper()
	p := launch(tb, []string{asNoop + "=1"})
	p.waitFor(`ready on (http://\S+)`)
	return p
}

// rateConnections is the number of users or connections of each load tester.
const rateConnections = 64

// The rates that `onsale stress` must reach, as multiples of those of other load testers.
const (
	leastOfWrk    = 0.9
	leastOfK6     = 4
	leastOfLocust = 5
)

// BenchmarkStressRate compares the requests per second of `onsale stress`, with statistics, to
// those of other load testers: the same requests to the same server, in turns. Run it with
// `make bench`.
func BenchmarkStressRate(b *testing.B) {
	for _, other := range []struct {
		name  string
		rate  func(testing.TB, string) float64
		least float64
	}{{"wrk", wrkRate, leastOfWrk}, {"k6", k6Rate, leastOfK6}, {"locust", locustRate, leastOfLocust}} {
		b.Run(other.name, func(b *testing.B) {
			target := startNoop(b).url()
			for b.Loop() {
				var ratios, ours, theirs []float64
				for range benchRounds {
					ours = append(ours, stressRate(b, target))
					theirs = append(theirs, other.rate(b, target))
					ratios = append(ratios, ours[len(ours)-1]/theirs[len(theirs)-1])
				}
				b.ReportMetric(median(ours), "onsale/s")
				b.ReportMetric(median(theirs), other.name+"/s")
				b.ReportMetric(median(ratios), "ratio")
				b.ReportMetric(0, "ns/op") // has no meaning here
				if ratio := median(ratios); ratio < other.least {
					b.Errorf("%.2f times the rate of %s, want %g", ratio, other.name, other.least)
				}
			}
		})
	}
}

// rateFile returns the path of the script of one load tester.
func rateFile(tb testing.TB, name string) string {
	tb.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "rate", name))
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// tester runs a load tester to its end and returns its output.
func tester(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	out, err := exec.CommandContext(tb.Context(), name, args...).CombinedOutput()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// found returns the number that a pattern finds in a text.
func found(tb testing.TB, pattern, text string) float64 {
	tb.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		tb.Fatalf("%s is not in\n%s", pattern, text)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// stressRate returns the rate of onsale stress, from its report.
func stressRate(tb testing.TB, target string) float64 {
	tb.Helper()
	r := stressReport(tb, "-H", target, "--scenario", rateFile(tb, "post.yaml"),
		"-u", strconv.Itoa(rateConnections), "-r", "1000000", "-t", benchTime.String())
	return r.Stats.Total.Rate
}

// stressReport runs onsale stress and returns its report. It accepts the exit code for a load
// tester that was the bottleneck, because this measures its limit.
func stressReport(tb testing.TB, args ...string) result.Run {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "report.json")
	p := launch(tb, nil, append([]string{"stress", "--json", path, "--only-summary", "--no-keep"}, args...)...)
	<-p.exited
	if code := p.cmd.ProcessState.ExitCode(); code != command.ExitOK && code != command.ExitBottleneck {
		tb.Fatalf("exit code %d\n%s", code, p.stderr)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	var r result.Run
	if err := json.Unmarshal(text, &r); err != nil {
		tb.Fatal(err)
	}
	return r
}

func wrkRate(tb testing.TB, target string) float64 {
	tb.Helper()
	return found(tb, `Requests/sec:\s+([\d.]+)`, tester(tb, "wrk", "-t1", "-c", strconv.Itoa(rateConnections),
		"-d", benchTime.String(), "-s", rateFile(tb, "post.lua"), target+"/buy/1"))
}

// k6Rate runs the k6 that `make bin/k6` builds.
func k6Rate(tb testing.TB, target string) float64 {
	tb.Helper()
	path, err := filepath.Abs("../../bin/k6")
	if err != nil {
		tb.Fatal(err)
	}
	return found(tb, `http_reqs\S*\s+\d+\s+([\d.]+)/s`, tester(tb, path, "run", "--no-usage-report", "--quiet", "--vus", strconv.Itoa(rateConnections),
		"--duration", benchTime.String(), "--env", "TARGET="+target+"/buy/1", rateFile(tb, "post.js")))
}

// locustRate runs Debian's Locust. It starts all users at once.
func locustRate(tb testing.TB, target string) float64 {
	tb.Helper()
	out := tester(tb, "locust", "-f", rateFile(tb, "post.py"), "-H", target, "--headless", "--only-summary",
		"-u", strconv.Itoa(rateConnections), "-r", "1000", "-t", fmt.Sprintf("%.0f", benchTime.Seconds()))
	for line := range strings.Lines(out) {
		if strings.Contains(line, "Aggregated") {
			return found(tb, `\|\s+([\d.]+)\s+[\d.]+\s*$`, line)
		}
	}
	tb.Fatalf("Locust wrote no rate:\n%s", out)
	return 0
}
