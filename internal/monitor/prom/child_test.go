package prom_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
	"github.com/shirou/gopsutil/v4/process"

	"onsale/internal/monitor/prom"
)

// childDir is an environment variable. If it is set, this test binary runs a Prometheus
// in that directory. A query that overflows the stack or uses all memory then does not
// end the tests.
const childDir = "ONSALE_PROM_TEST_CHILD"

// The most that a query may use.
const (
	mostMemory = 256 << 20
	mostTime   = 10 * time.Second
)

// child is a Prometheus in its own process, with some hours of samples.
type child struct {
	url  string
	http *http.Client
}

// startChild starts a child and stops it when the test ends.
func startChild(tb testing.TB) *child {
	tb.Helper()
	binary, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background()) //nolint:usetesting // the context of a test ends before its cleanup
	tb.Cleanup(end)
	command := exec.CommandContext(ctx, binary)
	if runtime.GOOS != "windows" {
		// 6 GB of address space is enough for a Go process with a heap of 2 GB.
		command = exec.CommandContext(ctx, "sh", "-c", `ulimit -v 6000000; exec "$0"`, binary)
	}
	command.Env = append(os.Environ(), childDir+"="+filepath.Join(tb.TempDir(), "metrics"))
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = input.Close()
		end()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		tb.Fatalf("the child did not start: %v", err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	return &child{url: strings.TrimSpace(line), http: &http.Client{Transport: transport, Timeout: 3 * mostTime}}
}

// used is the resources that a call used.
type used struct {
	status int
	body   string
	time   time.Duration
	memory int64 // the peak growth of the process, in bytes
}

func (u used) String() string {
	return fmt.Sprintf("%d after %s and %d MB: %.300s", u.status, u.time.Round(time.Millisecond), u.memory>>20, u.body)
}

// post sends a call and measures its resources.
func (c *child) post(tb testing.TB, call string, form url.Values) used {
	tb.Helper()
	before := time.Now()
	path := c.url + "/api/v1/" + call
	send := func() (*http.Response, error) { return c.http.PostForm(path, form) }
	if strings.HasPrefix(call, "label/") { // which accepts GET only
		send = func() (*http.Response, error) { return c.http.Get(path + "?" + form.Encode()) }
	}
	response, err := send()
	if err != nil {
		tb.Fatalf("%s %.500v: the child has ended: %v", call, form, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatalf("%s %.500v: %v", call, form, err)
	}
	u := used{status: response.StatusCode, body: string(body), time: time.Since(before)}
	peak, err := c.http.Get(c.url + "/peak")
	if err != nil {
		tb.Fatalf("%s %.500v: the child has ended: %v", call, form, err)
	}
	defer peak.Body.Close()
	text, err := io.ReadAll(peak.Body)
	if err != nil {
		tb.Fatal(err)
	}
	if u.memory, err = strconv.ParseInt(string(text), 10, 64); err != nil {
		tb.Fatal(err)
	}
	return u
}

// within fails the test if a call used too much.
func (u used) within(tb testing.TB, what string) {
	tb.Helper()
	if u.memory > mostMemory || u.time > mostTime {
		tb.Errorf("%.500s: %s", what, u)
	}
}

// runChild is the main function of the child. It serves until its standard input ends.
func runChild(dir string) error {
	debug.SetMemoryLimit(1 << 30)
	if err := writeHistory(dir); err != nil {
		return err
	}
	s, err := prom.New(prom.Options{
		Dir: dir, Job: "nothing", Targets: []string{"http://127.0.0.1:9"},
		ScrapeInterval: time.Minute, EvaluationInterval: time.Second, RetentionTime: 30 * 24 * time.Hour,
		ExternalURL: "http://127.0.0.1:8000", QueryShare: 1000, Send: new(outbox).send, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	go func() { fmt.Fprintln(os.Stderr, "child:", s.Run(context.Background())) }()
	<-s.Ready()
	peak := new(atomic.Int64)
	go watchPeak(peak)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/api/v1/", s.Handler())
	mux.HandleFunc("/peak", func(w http.ResponseWriter, _ *http.Request) {
		most := peak.Load()
		if most > mostMemory/4 {
			debug.FreeOSMemory()
			peak.Store(0)
		}
		fmt.Fprint(w, most)
	})
	go func() { _ = http.Serve(listener, mux) }()
	fmt.Fprintln(os.Stdout, "http://"+listener.Addr().String())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

// watchPeak records the peak growth of this process.
func watchPeak(peak *atomic.Int64) {
	self, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		panic(err)
	}
	debug.FreeOSMemory()
	resident := func() int64 {
		m, err := self.MemoryInfo()
		if err != nil {
			panic(err)
		}
		return int64(m.RSS)
	}
	base := resident()
	for range time.Tick(2 * time.Millisecond) {
		if grown := resident() - base; grown > peak.Load() {
			peak.Store(grown)
		}
	}
}

// sample is a float or a histogram at a time.
type sample struct {
	t int64
	f float64
	h *histogram.FloatHistogram
}

func (s sample) T() int64                      { return s.t }
func (s sample) ST() int64                     { return 0 }
func (s sample) F() float64                    { return s.f }
func (s sample) H() *histogram.Histogram       { return nil }
func (s sample) FH() *histogram.FloatHistogram { return s.h }
func (s sample) Copy() chunks.Sample           { return s }
func (s sample) Type() chunkenc.ValueType {
	if s.h != nil {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

// writeHistory writes a block of 1.6 million samples, one per second: 200 counters of an
// hour, 1,500 of a minute, 5 native histograms and one gauge of nine days.
func writeHistory(dir string) error {
	now := time.Now().Add(-time.Minute).Truncate(time.Second)
	var all []storage.Series
	add := func(seconds int, at func(i int) sample, pairs ...string) {
		list := make([]chunks.Sample, seconds)
		for i := range list {
			s := at(i)
			s.t = now.Add(time.Duration(i-seconds) * time.Second).UnixMilli()
			list[i] = s
		}
		all = append(all, storage.NewListSeries(labels.FromStrings(pairs...), list))
	}
	for n := range 1700 {
		seconds := 60
		if n < 200 {
			seconds = 3600
		}
		add(seconds, func(i int) sample { return sample{f: float64(i*n%7919) + float64(i)/8} }, "__name__", "http_requests_total",
			"job", "ticket_system", "endpoint", fmt.Sprint("/r", n%50), "status", strconv.Itoa(200+n/50), "le", strconv.Itoa(n%20))
	}
	for n := range 5 {
		add(300, func(i int) sample { return sample{h: tsdbutil.GenerateTestFloatHistogram(int64(i))} }, "__name__", "duration", "n", strconv.Itoa(n))
	}
	add(800_000, func(i int) sample { return sample{f: float64(i * 7919 % 100_003)} }, "__name__", "heat", "job", "long")
	_, err := tsdb.CreateBlock(all, dir, int64(20*24*time.Hour/time.Millisecond), slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}
