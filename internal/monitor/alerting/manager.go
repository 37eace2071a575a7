// Package alerting runs the real Alertmanager in this process. It groups alerts,
// mutes those that are silenced or inhibited, and notifies the receivers.
//
// The package connects the parts of Alertmanager itself, because Alertmanager's own
// package for embedding does not compile outside its repository. [New] reads and
// checks the configuration and starts nothing. engine.go connects the parts;
// config.go loads the user's file.
//
// The syntax of matchers is a global setting of the library that has no lock. It
// stays at its default, the syntax of Alertmanager up to 0.26. A matcher that needs
// the newer syntax is an error.
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

// BuiltIn is the name of the built-in receiver, [Options].Notifier. A receiver of
// this name in a user's file uses it if the file gives it no integrations.
const BuiltIn = "onsale"

// Options of a [Manager]. All except ConfigFile are required.
type Options struct {
	// Dir holds silences and the notification log across restarts. Run creates it.
	Dir string
	// ConfigFile is a configuration file of Alertmanager. If it is empty, the
	// built-in configuration is used: a single route to Notifier with the three
	// durations below.
	ConfigFile string
	// GroupWait is how long the first notification of a group waits for more alerts.
	// GroupInterval is the shortest time between two notifications of a group.
	// RepeatInterval is how long an alert fires before it is sent again. All are
	// whole milliseconds and are ignored if ConfigFile is set.
	GroupWait, GroupInterval, RepeatInterval time.Duration
	// Notifier is the built-in receiver. It returns retry = true with an error that
	// a later attempt may not have.
	Notifier notify.Notifier
	// ExternalURL is the address of this process in links in messages.
	ExternalURL string
	Logger      *slog.Logger
}

func (o Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("alerting options: dir is required")
	case o.Notifier == nil:
		return errors.New("alerting options: notifier is required")
	case o.Logger == nil:
		return errors.New("alerting options: logger is required")
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

// Manager is one Alertmanager. Several can run in one process, each with its own
// directory.
type Manager struct {
	log   *slog.Logger
	dir   string
	setup *setup
	// library is the logger for the library, and callers the one for its API.
	library, callers *slog.Logger

	// ready is closed once engine is set, and done once Run has ended.
	saving      sync.Mutex
	ready, done chan struct{}
	engine      *engine
}

// New returns a manager. It starts nothing and writes nothing; [Manager.Run] does.
// An error is one line that names the wrong option or file. It includes the line and
// the section of the file where the library reports them.
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

// Put accepts firing and resolved alerts from the rules. A firing alert without an
// end time resolves when it has not been put again within the resolve timeout of
// the configuration. Put blocks until the manager runs or the context ends. It does
// nothing once the manager has stopped.
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
		m.log.ErrorContext(ctx, "cannot store alerts", "alerts", len(accepted), "error", err)
	}
}

// accept fills in the times that Alertmanager needs, as its API does. It drops empty
// labels, because an empty label means the same as a missing one.
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

// Run groups, mutes and notifies until the context ends. Then pending notifications
// get 2 s to finish, silences and the notification log are saved, and Run returns
// nil. It may be called once.
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

// Ready is closed once the manager accepts alerts and its API accepts requests.
func (m *Manager) Ready() <-chan struct{} { return m.ready }

// Handler serves the HTTP API v2 of Alertmanager under /api/v2/. It answers 503
// before Run. The caller must restrict who may write.
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
