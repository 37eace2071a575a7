package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// The limits of the costs of `onsale stress`.
const (
	waitingUsers   = 10_000
	maxWaiting     = 400e6 // bytes resident, with this number of waiting users
	openRate       = 2_000 // tasks per second
	openTime       = 10 * time.Second
	maxRateError   = 0.01 // share of the requested rate
	maxSendLag     = time.Millisecond
	maxStatistics  = 0.05 // share of the rate without statistics
	statisticsTime = 2 * time.Second
)

// BenchmarkStressMemory measures the peak resident memory of `onsale stress` while 10,000
// users wait. Run it with `make bench`; it needs Linux.
func BenchmarkStressMemory(b *testing.B) {
	target := startNoop(b).url()
	for b.Loop() {
		p := launch(b, nil, "stress", "-H", target, "--scenario", rateFile(b, "wait.yaml"), "-u", strconv.Itoa(waitingUsers),
			"-r", "1000", "-t", "25s", "--only-summary", "--no-keep", "-s", "1s")
		var most float64
		for done := false; !done; {
			select {
			case <-p.exited:
				done = true
			case <-time.After(200 * time.Millisecond):
				most = max(most, peakMemory(p.cmd.Process.Pid))
			}
		}
		if code := p.code(); code != command.ExitOK && code != command.ExitBottleneck {
			b.Fatalf("exit code %d\n%s", code, p.stderr)
		}
		b.ReportMetric(most/1e6, "MB")
		b.ReportMetric(0, "ns/op") // has no meaning here
		if most == 0 || most > maxWaiting {
			b.Errorf("%.0f MB, want at most %.0f", most/1e6, maxWaiting/1e6)
		}
	}
}

// peakMemory returns the peak resident memory of a process, in bytes; 0 if it has ended.
func peakMemory(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kB, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kB * 1024
		}
	}
	return 0
}

// BenchmarkStressOpen measures how exact the open model is at 2,000/s: the rate of requests,
// and their delay.
func BenchmarkStressOpen(b *testing.B) {
	target := startNoop(b).url()
	for b.Loop() {
		r := stressReport(b, "-H", target, "--scenario", rateFile(b, "post.yaml"),
			"--rate", strconv.Itoa(openRate)+"/s", "-t", openTime.String())
		sent := float64(r.Stats.Total.Requests) / openTime.Seconds()
		lag := time.Duration(r.Self.LagP50)
		b.ReportMetric(sent, "sent/s")
		b.ReportMetric(lag.Seconds()*1000, "lag_ms")
		b.ReportMetric(0, "ns/op") // has no meaning here
		if math.Abs(sent/openRate-1) > maxRateError || lag >= maxSendLag || r.Stats.NotSent > 0 {
			b.Errorf("sent %.1f/s, %s late in the median, %d not sent", sent, lag, r.Stats.NotSent)
		}
	}
}

// BenchmarkStressStatistics measures the cost of counting and timing: the rate with statistics
// as a share of the rate without, in turns.
func BenchmarkStressStatistics(b *testing.B) {
	target, err := wire.ParseTarget(startNoop(b).url())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var ratios []float64
		for range 3 * benchRounds {
			with, without := enginePosts(b, target, false), enginePosts(b, target, true)
			ratios = append(ratios, float64(with)/float64(without))
		}
		b.ReportMetric(median(ratios), "with/without")
		b.ReportMetric(0, "ns/op") // has no meaning here
		if ratio := median(ratios); ratio < 1-maxStatistics {
			b.Errorf("statistics leave %.3f of the rate, want %.2f", ratio, 1-maxStatistics)
		}
	}
}

// enginePosts runs 64 users that post, and returns the number of answers.
func enginePosts(b *testing.B, target *wire.Target, off bool) int {
	b.Helper()
	counts := make([]int, rateConnections)
	body := []byte(`{"user_email":"testuser_1234@example.com","quantity":1}`)
	scenario := stress.Scenario{Name: "post", Kinds: []stress.Kind{{Weight: 1, Join: func(u *stress.User) stress.Part {
		call := stress.Call{Name: "/buy/[id]", Request: wire.Request{Method: "POST", Path: "/buy/1", Body: body}}
		return stress.Part{Tasks: []stress.Task{{Weight: 1, Do: func(ctx context.Context) {
			if u.Do(ctx, &call) != nil {
				counts[u.Index]++
			}
		}}}}
	}}}}
	run, err := stress.New(stress.Options{
		Scenario: &scenario, Load: stress.Load{Curve: stress.Curve{From: rateConnections}}, RunTime: statisticsTime,
		StopTimeout: time.Second, Connect: func() wire.Doer { return wire.New(target, wire.Options{}) },
		Stats: stats.New(stats.Options{Start: time.Now(), Off: off}), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	if err := run.Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	all := 0
	for _, n := range counts {
		all += n
	}
	return all
}
