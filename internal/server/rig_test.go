package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/server"
	"onsale/internal/telemetry"
)

// rig is a server on a ledger in memory. By default it listens on a loopback address and
// has no admin token and no faults.
type rig struct {
	*memory

	items   *shelf
	tokens  *item.Issuer
	server  *server.Server
	handler http.Handler
	faults  *faults
	reg     *prometheus.Registry
	log     *logBuffer
}

// faults is a real injector whose result for a call can be set by a test.
type faults struct {
	*fault.Injector

	mu     sync.Mutex
	route  func(ctx context.Context, route string) error
	asked  []string // the arguments of the calls of Route
	setErr error
}

func (f *faults) Route(ctx context.Context, route string) error {
	f.mu.Lock()
	f.asked = append(f.asked, route)
	answer := f.route
	f.mu.Unlock()
	if answer == nil {
		return f.Injector.Route(ctx, route)
	}
	return answer(ctx, route)
}

func (f *faults) Set(ctx context.Context, p fault.Plan) (fault.State, error) {
	if f.setErr != nil {
		return fault.State{}, f.setErr
	}
	return f.Injector.Set(ctx, p)
}

func (f *faults) Patch(ctx context.Context, patch []byte) (fault.State, []string, error) {
	if f.setErr != nil {
		return fault.State{}, nil, f.setErr
	}
	return f.Injector.Patch(ctx, patch)
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func newRig(tb testing.TB, change ...func(*server.Options)) *rig {
	tb.Helper()
	r := &rig{
		memory: newMemory(),
		items:  newShelf(),
		tokens: item.NewIssuer(time.Hour, time.Now),
		faults: &faults{Injector: fault.NewInjector(fault.Options{})},
		reg:    prometheus.NewRegistry(),
		log:    &logBuffer{},
	}
	if err := r.tokens.SetKey([]byte(tokenKey)); err != nil {
		tb.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(r.log, nil))
	o := server.DefaultOptions()
	o.Ledger, o.Seller, o.Replicas = r.memory, r.memory, r.memory
	o.Faults = r.faults
	o.Items, o.Tokens = r.items, r.tokens
	o.Metrics = telemetry.Handler(r.reg, logger)
	o.Registerer = r.reg
	o.Logger = logger
	o.Loopback = true
	o.AllowedHosts = []string{"example.com"} // httptest's requests go there
	for _, f := range change {
		f(&o)
	}
	var err error
	if r.server, err = server.New(o); err != nil {
		tb.Fatal(err)
	}
	r.handler = r.server.Handler()
	return r
}

// do sends a request like a local client. Headers have the form "Name: value", except
// that "HTTP: 1.0" sets the version.
func (r *rig) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Host = "localhost:8000"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		switch name {
		case "Host":
			req.Host = value
			continue
		case "HTTP":
			req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/"+value, 1, 0
			continue
		}
		req.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, req)
	return w
}

// concert puts a concert with this many tickets on sale and returns its id.
func (r *rig) concert(tb testing.TB, tickets int64) int64 {
	tb.Helper()
	c, err := r.CreateConcert(tb.Context(), sale.NewConcert{Title: "Title", Date: "2027-06-01", Venue: "Venue", Capacity: tickets})
	if err != nil {
		tb.Fatal(err)
	}
	return c.ID
}

// series returns the value of the series of a metric that has these "label=value" pairs.
func (r *rig) series(tb testing.TB, name string, labels ...string) float64 {
	tb.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
	metrics:
		for _, m := range family.GetMetric() {
			have := map[string]string{}
			for _, pair := range m.GetLabel() {
				have[pair.GetName()] = pair.GetValue()
			}
			for _, label := range labels {
				key, value, _ := strings.Cut(label, "=")
				if have[key] != value {
					continue metrics
				}
			}
			switch {
			case m.Counter != nil:
				return m.GetCounter().GetValue()
			case m.Histogram != nil:
				return float64(m.GetHistogram().GetSampleCount())
			}
			return m.GetGauge().GetValue()
		}
	}
	tb.Fatalf("no series %s%v", name, labels)
	return 0
}

// count returns the number of series of a metric.
func (r *rig) count(tb testing.TB, name string) int {
	tb.Helper()
	n, err := testutil.GatherAndCount(r.reg, name)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// object decodes an answer that must be a JSON object.
func object(tb testing.TB, w *httptest.ResponseRecorder) map[string]any {
	tb.Helper()
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		tb.Fatalf("%v in %d %q", err, w.Code, w.Body)
	}
	return v
}

// wantProblem checks that an answer is a complete problem with the status and code, and
// returns it.
func wantProblem(tb testing.TB, w *httptest.ResponseRecorder, status int, code string) server.Problem {
	tb.Helper()
	var p server.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		tb.Fatalf("%v in %d %q", err, w.Code, w.Body)
	}
	if w.Code != status || p.Status != status || p.Code != code {
		tb.Errorf("status %d, code %q, want %d %q: %s", w.Code, p.Code, status, code, w.Body)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		tb.Errorf("content type %q", ct)
	}
	if p.Type != "urn:onsale:problem:"+p.Code || p.Title == "" || p.Detail == "" || p.Message == "" {
		tb.Errorf("a member of the problem is missing: %s", w.Body)
	}
	return p
}
