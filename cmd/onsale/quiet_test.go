package main

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"onsale/internal/monitor/discord/discordtest"
)

// quietTime is how long nothing must be told, as long as the longest window of
// an alert at demo pace but for the slow burns', which read what the fast ones do.
const quietTime = 45 * time.Second

// TestDrillQuiet lets the demo crowd in with the default plan, which is nothing
// to tell of, and then sells a concert out, which is one thing to tell of.
func TestDrillQuiet(t *testing.T) {
	t.Parallel()
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	// The processor is busy with other tests.
	up := launch(t, []string{"DISCORD_URL=" + receiver.URL()},
		"up", "--listen", "127.0.0.1:0", dataDir(t), "--alert-cpu-percent", "100", "--alert-memory-percent", "100")
	up.waitFor(`ready on (http://\S+)`)
	w := watch(t, up.url())
	time.Sleep(quietTime)
	if told := titles(receiver); len(told) > 0 {
		t.Fatalf("the demo crowd and the default plan were told of: %v\n%s", told, w)
	}

	r := newRush(t, up.url(), 20)
	var buyers sync.WaitGroup
	for range 3 { // each waits for the simulated payment
		buyers.Go(func() { r.once(t.Context(), up.url(), r.buyer(), 10) })
	}
	buyers.Wait()
	if r.answers[http.StatusOK] != 2 || r.answers[http.StatusConflict] != 1 {
		t.Fatalf("three buyers of 10 of 20 tickets were answered %v", r.answers)
	}
	const limit = 100 * time.Second // it ends by itself after 50 s
	until(t, limit, "ConcertSoldOut", func() string {
		if told := titles(receiver); len(told) < 2 {
			return fmt.Sprintf("told only %v", told)
		}
		return ""
	})
	for i, title := range titles(receiver) {
		if status := []string{"FIRING", "RESOLVED"}[min(i, 1)]; i > 1 || !isTitle(title, status, "ConcertSoldOut") {
			t.Errorf("a concert that sold out was told as %q", title)
		}
	}
}

// titles are those of the messages that were received.
func titles(r *discordtest.Receiver) []string {
	var all []string
	for _, m := range r.Messages() {
		all = append(all, m.Title())
	}
	return all
}

// told waits until a message on an alert was received, FIRING or RESOLVED.
func told(t *testing.T, r *discordtest.Receiver, w *watcher, status, alert string) {
	t.Helper()
	until(t, toInbox, status+" "+alert, func() string {
		if slices.ContainsFunc(titles(r), func(s string) bool { return isTitle(s, status, alert) }) {
			return ""
		}
		return fmt.Sprintf("told %v; alerts now: %v", titles(r), w.states())
	})
}

// TestDrillMonitor watches a server elsewhere, which is killed and started anew.
func TestDrillMonitor(t *testing.T) {
	t.Parallel()
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	dir := dataDir(t)
	server := serve(t, nil, dir, "--faults", "off")
	monitor := launch(t, []string{"DISCORD_URL=" + receiver.URL()},
		"monitor", "--listen", "127.0.0.1:0", dataDir(t), "--target", server.url(), "--pace", "demo",
		"--alert-cpu-percent", "100", "--alert-memory-percent", "100")
	w := watch(t, monitor.waitFor(`ready on (http://\S+)`))
	awaitUp(t, w, "1")

	server.kill()
	told(t, receiver, w, "FIRING", "InstanceDown")
	serve(t, nil, dir, "--faults", "off", "--listen", strings.TrimPrefix(server.url(), "http://"))
	told(t, receiver, w, "RESOLVED", "InstanceDown")
	if code := monitor.terminate(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// awaitUp waits until the one target has been seen up (1) or down (0).
func awaitUp(t *testing.T, w *watcher, value string) {
	t.Helper()
	until(t, startLimit, "up "+value, func() string {
		status, body := call(t.Context(), w.client, http.MethodGet, w.base+"/api/v1/query?query=up", "")
		if status == http.StatusOK && strings.Contains(string(body), `,"`+value+`"]`) {
			return ""
		}
		return fmt.Sprintf("%d %s", status, body)
	})
}

// TestDrillEarlierService watches a service that has only the series that the
// earlier ticket service had: what they tell is told, and nothing else.
func TestDrillEarlierService(t *testing.T) {
	t.Parallel()
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	service := startEarlier(t)
	monitor := launch(t, []string{"DISCORD_URL=" + receiver.URL()},
		"monitor", "--listen", "127.0.0.1:0", dataDir(t), "--target", service.url, "--pace", "demo")
	w := watch(t, monitor.waitFor(`ready on (http://\S+)`))
	awaitUp(t, w, "1")
	time.Sleep(10 * time.Second) // alerts that read what is not there would fire by now
	if told := titles(receiver); len(told) > 0 {
		t.Fatalf("a service in good health was told of: %v\n%s", told, w)
	}
	service.answer(t, "500")
	told(t, receiver, w, "FIRING", "HighFailureRate")
	service.answer(t, "200")
	told(t, receiver, w, "RESOLVED", "HighFailureRate")
	service.stop()
	told(t, receiver, w, "FIRING", "InstanceDown")
	known := regexp.MustCompile(`\] (HighFailureRate|AvailabilityBurn(Fast|Slow)|InstanceDown|MetricsMissing)$`)
	for _, title := range titles(receiver) {
		if !known.MatchString(title) {
			t.Errorf("told of %q, which the service has no series for", title)
		}
	}
}

// earlier is a service like the earlier ticket service, as far as its metrics go.
type earlier struct {
	url    string
	status chan string
	stop   func()
}

// answer makes all further calls be answered with a status.
func (e earlier) answer(t *testing.T, status string) {
	t.Helper()
	e.status <- status
}

// startEarlier starts a service that is called 50 times a second.
func startEarlier(t *testing.T) earlier {
	t.Helper()
	reg := prometheus.NewRegistry()
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Calls."},
		[]string{"method", "endpoint", "status"})
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "request_duration_seconds", Help: "Their time."})
	cpu := prometheus.NewGauge(prometheus.GaugeOpts{Name: "cpu_usage_percent", Help: "CPU."})
	memory := prometheus.NewGauge(prometheus.GaugeOpts{Name: "memory_usage_percent", Help: "Memory."})
	reg.MustRegister(requests, duration, cpu, memory, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cpu.Set(12)
	memory.Set(34)
	requests.WithLabelValues("POST", "/buy/17", "500")

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })

	e := earlier{url: "http://" + listener.Addr().String(), status: make(chan string), stop: func() { _ = server.Close() }}
	go func() {
		status, ticker := "200", time.NewTicker(20*time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case status = <-e.status:
			case <-ticker.C:
				requests.WithLabelValues("POST", "/buy/17", status).Inc()
				requests.WithLabelValues("GET", "/concerts", "200").Inc()
				duration.Observe(0.02)
			case <-t.Context().Done():
				return
			}
		}
	}()
	return e
}
