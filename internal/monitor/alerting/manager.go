// Package alerting is the real Alertmanager in this process: it groups what the
// rules found, mutes what is silenced or inhibited, and tells the receivers.
//
// Alertmanager is wired from its parts, because its own package for embedding
// does not compile outside its repository. [New] reads and checks everything and
// starts nothing; engine.go is the wiring, config.go what a user's file may say.
//
// How matchers are written is one setting of the whole process in the library,
// without a lock. It is left at its default, the syntax of Alertmanager up to
// 0.26: what only the newer syntax could read is refused, never read otherwise.
package alerting

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"

	"onsale/internal/monitor/conceal"
)

// BuiltIn is the receiver that every configuration has: [Options].Notifier. In a
// user's file a receiver of this name with no integrations of its own is it.
const BuiltIn = "onsale"

// Options of a [Manager]. All but ConfigFile must be given.
type Options struct {
	// Dir is where silences and the log of notifications outlive the process. Run
	// makes it.
	Dir string
	// ConfigFile is a configuration of Alertmanager. Empty means the built-in one,
	// a single route to the Notifier; only that has the three times below.
	ConfigFile string
	// GroupWait is how long a group's first notification waits for company,
	// GroupInterval the least time between two of its notifications, and
	// RepeatInterval after how long an alert that still fires is told again. They
	// are whole milliseconds.
	GroupWait, GroupInterval, RepeatInterval time.Duration
	// Notifier is who is told. It says true beside an error that may pass.
	Notifier notify.Notifier
	// ExternalURL is where people reach this process, for links in messages.
	ExternalURL string
	Logger      *slog.Logger
}

func (o Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("alerting options: dir must be given")
	case o.Notifier == nil:
		return errors.New("alerting options: notifier must be given")
	case o.Logger == nil:
		return errors.New("alerting options: logger must be given")
	case o.ConfigFile != "":
		return nil
	case o.GroupWait < 0:
		return errors.New("alerting options: group wait must not be negative")
	case o.GroupInterval < time.Millisecond:
		return errors.New("alerting options: group interval must be at least 1 ms")
	case o.RepeatInterval < time.Millisecond:
		return errors.New("alerting options: repeat interval must be at least 1 ms")
	}
	return nil
}

// Manager is one Alertmanager. Several can run in one process, each on its own
// directory.
type Manager struct {
	log   *slog.Logger
	dir   string
	setup *setup
	// library is the logger of the library, and callers that of its API.
	library, callers *slog.Logger

	// ready is closed once engine is there, done once Run has ended.
	saving      sync.Mutex
	ready, done chan struct{}
	engine      *engine
}

// New returns a manager that does not run yet. It starts nothing and writes
// nothing. An error says in one line which option is wrong, or which file, line
// and section.
func New(o Options) (*Manager, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	external, err := url.Parse(o.ExternalURL)
	if err != nil || external.Host == "" {
		return nil, errors.New("alerting options: external url must be a URL with a host")
	}
	loaded, err := load(o)
	if err != nil {
		return nil, err
	}
	log := o.Logger.With("component", "alertmanager")
	quiet := quietHandler{next: log.Handler(), hide: loaded.secrets}
	library := slog.New(quiet)
	quiet.detail = true
	prepared, err := prepare(loaded, external, o.Notifier, library)
	if err != nil {
		return nil, err
	}
	return &Manager{
		log: log, dir: o.Dir, setup: prepared, library: library, callers: slog.New(quiet),
		ready: make(chan struct{}), done: make(chan struct{}),
	}, nil
}

// Put takes in what the rules found, firing or resolved. An alert that fires and
// names no end is over once it has not been put for the resolve timeout of the
// configuration. Put waits until the manager runs or the context ends, and does
// nothing once it has stopped.
func (m *Manager) Put(ctx context.Context, alerts []*model.Alert) {
	select {
	case <-m.ready:
	case <-m.done:
		return
	case <-ctx.Done():
		return
	}
	now := time.Now()
	accepted := make([]*alert.Alert, 0, len(alerts))
	for _, a := range alerts {
		accepted = append(accepted, accept(a, now, m.setup.resolveTimeout()))
	}
	if err := m.engine.alerts.Put(ctx, accepted...); err != nil {
		m.log.ErrorContext(ctx, "cannot take in alerts", "alerts", len(accepted), "error", err)
	}
}

// accept fills in the times that Alertmanager needs, as its API does, and drops
// empty labels, which mean the same as none.
func accept(from *model.Alert, now time.Time, timeout time.Duration) *alert.Alert {
	a := &alert.Alert{Alert: *from, UpdatedAt: now}
	a.Labels = make(model.LabelSet, len(from.Labels))
	for name, value := range from.Labels {
		if value != "" {
			a.Labels[name] = value
		}
	}
	if a.StartsAt.IsZero() {
		a.StartsAt = now
		if !a.EndsAt.IsZero() && a.EndsAt.Before(now) {
			a.StartsAt = a.EndsAt
		}
	}
	if a.EndsAt.IsZero() {
		a.Timeout = true
		a.EndsAt = now.Add(timeout)
	}
	return a
}

// Run groups, mutes and tells until the context ends, which is an orderly end:
// notifications on their way get a moment more, silences and the log of
// notifications are written, and the result is nil. It may be called once.
func (m *Manager) Run(ctx context.Context) error {
	defer close(m.done)
	running, err := m.start(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	m.engine = running
	for _, doubt := range m.setup.doubts {
		m.log.WarnContext(ctx, "alerts may not arrive", "reason", doubt)
	}
	close(m.ready)
	<-ctx.Done()
	running.stop()
	return nil
}

// Ready is closed once alerts are taken in and the API answers.
func (m *Manager) Ready() <-chan struct{} { return m.ready }

// Handler answers the HTTP API v2 of Alertmanager under /api/v2/. Who may write
// is guarded outside. Before Run it answers 503.
func (m *Manager) Handler() http.Handler {
	api := guarded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.keeping(m.engine.api.Handler).ServeHTTP(w, r)
	}))
	status := conceal.Answers(api)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-m.ready:
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			if strings.Contains(r.URL.Path, "/status") { // it shows the configuration
				status.ServeHTTP(w, r)
				return
			}
			api.ServeHTTP(w, r)
		default:
			http.Error(w, "alertmanager is starting", http.StatusServiceUnavailable)
		}
	})
}
