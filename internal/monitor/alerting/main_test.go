package alerting_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"onsale/internal/monitor/alerting"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// notification is when a listener was notified, and the name and state of each alert.
type notification struct {
	at     time.Time
	states []string
}

// listener is a notifier that records its notifications.
type listener struct {
	mu       sync.Mutex
	received []notification
	signal   chan struct{}
	// answer, if it is not nil, returns the result of each call.
	answer func(call int) (retry bool, err error)
	calls  int
}

func newListener() *listener { return &listener{signal: make(chan struct{}, 100)} }

func (r *listener) Notify(_ context.Context, alerts ...*alert.Alert) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.answer != nil {
		if retry, err := r.answer(r.calls); err != nil {
			return retry, err
		}
	}
	states := make([]string, 0, len(alerts))
	for _, a := range alerts {
		name := a.Name()
		if slo := a.Labels["slo"]; slo != "" {
			name += "/" + string(slo)
		}
		states = append(states, name+" "+string(a.Status()))
	}
	slices.Sort(states)
	r.received = append(r.received, notification{at: time.Now(), states: states})
	r.signal <- struct{}{}
	return false, nil
}

// messages returns all notifications so far, each as one line.
func (r *listener) messages() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := make([]string, 0, len(r.received))
	for _, n := range r.received {
		lines = append(lines, strings.Join(n.states, ", "))
	}
	return lines
}

func (r *listener) want(t *testing.T, want ...string) {
	t.Helper()
	if got := r.messages(); !slices.Equal(got, want) {
		t.Fatalf("the receiver got %q, want %q", got, want)
	}
}

// The grouping intervals of the demo pace.
const (
	wait     = 2 * time.Second
	interval = 5 * time.Second
	repeat   = 20 * time.Minute
)

func options(t *testing.T, n notify.Notifier) alerting.Options {
	t.Helper()
	return alerting.Options{
		Dir:       filepath.Join(t.TempDir(), "alertmanager"),
		GroupWait: wait, GroupInterval: interval, RepeatInterval: repeat,
		Notifier: n, ExternalURL: "http://127.0.0.1:8000", Logger: slog.New(slog.DiscardHandler),
	}
}

// withFile returns the options with a configuration file.
func withFile(t *testing.T, o alerting.Options, content string) alerting.Options {
	t.Helper()
	o.ConfigFile = filepath.Join(t.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(o.ConfigFile, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// running is a manager that runs until stop is called.
type running struct {
	*alerting.Manager
	stop func()
}

func run(t *testing.T, o alerting.Options) running {
	t.Helper()
	m, err := alerting.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v after its context ended, want nil", err)
		}
	})
	t.Cleanup(stop)
	r := running{Manager: m, stop: stop}
	for status := 0; status != http.StatusOK; {
		time.Sleep(time.Millisecond)
		status, _ = r.call(t, http.MethodGet, "/api/v2/status", "")
	}
	return r
}

// fire puts firing alerts, as the rules do. They resolve after an hour unless they are
// put again.
func (r running) fire(t *testing.T, alerts ...*model.Alert) {
	t.Helper()
	for _, a := range alerts {
		if a.StartsAt.IsZero() {
			a.StartsAt = time.Now()
		}
		a.EndsAt = time.Now().Add(time.Hour)
	}
	r.Put(t.Context(), alerts)
}

func (r running) resolve(t *testing.T, alerts ...*model.Alert) {
	t.Helper()
	for _, a := range alerts {
		a.EndsAt = time.Now()
	}
	r.Put(t.Context(), alerts)
}

// named returns an alert. labels are pairs of name and value.
func named(name string, labels ...string) *model.Alert {
	set := model.LabelSet{model.AlertNameLabel: model.LabelValue(name), "severity": "critical"}
	for i := 0; i+1 < len(labels); i += 2 {
		set[model.LabelName(labels[i])] = model.LabelValue(labels[i+1])
	}
	return &model.Alert{Labels: set, Annotations: model.LabelSet{"summary": "it is " + model.LabelValue(name)}}
}

// call sends a request to the handler, without a network.
func (r running) call(t *testing.T, method, path, body string) (status int, answer string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	recorder := httptest.NewRecorder()
	r.Handler().ServeHTTP(recorder, request)
	return recorder.Code, recorder.Body.String()
}

// get makes a GET request that must succeed.
func (r running) get(t *testing.T, path string) string {
	t.Helper()
	status, answer := r.call(t, http.MethodGet, path, "")
	if status != http.StatusOK {
		t.Fatalf("GET %s answered %d: %s", path, status, answer)
	}
	return answer
}

// logged collects log output in a buffer.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}

var errDown = errors.New("the receiver is down")

func newManager(t *testing.T, file string) (*alerting.Manager, error) {
	t.Helper()
	return alerting.New(withFile(t, options(t, newListener()), file))
}
