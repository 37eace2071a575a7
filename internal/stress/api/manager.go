package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"onsale/internal/field"
	"onsale/internal/stress"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
	"onsale/internal/stress/scenario"
	"onsale/internal/stress/session"
	"onsale/internal/stress/wire"
)

// ManagerOptions are the options of a [Manager].
type ManagerOptions struct {
	// Store keeps the runs; nil where they are not kept.
	Store *history.Store
	// Host is the target of runs that name none. It is allowed even if it is not
	// loopback. Other hosts that are not loopback are rejected, so that nobody can
	// use the API to load a third party.
	Host string
	// Target is Host, resolved once, so that all runs go to the same address; nil
	// resolves Host for each run.
	Target *wire.Target
	// AdminToken is Host's. It is sent only to Target, or to a Host that the
	// requests reach without crossing a network in plain text.
	AdminToken string
	// Own is the process that serves the API. A run against it leaves connections
	// to other clients.
	Own Own
	// Resolver resolves host names; nil is the system's.
	Resolver *net.Resolver
	// Program is Onsale's version.
	Program string
	Logger  *slog.Logger
}

// Manager starts runs, one at a time, and keeps them in the history. It is safe
// for concurrent use.
type Manager struct {
	options ManagerOptions
	log     *slog.Logger

	mu      sync.Mutex
	current *managed      // the last run; nil before the first
	ended   chan struct{} // closed when the last run has ended and is kept
	closed  bool
}

// managed is a session and the limits that apply to it.
type managed struct {
	*session.Session

	// bounded is set for sessions that were started here, and own for those whose
	// target is this process.
	bounded, own bool
}

var _ Runner = (*Manager)(nil)

// NewManager returns a manager without a run.
func NewManager(o ManagerOptions) *Manager {
	return &Manager{options: o, log: o.Logger.With("component", "stress")}
}

// Adopt makes a session the current run that was started elsewhere. The caller
// closes the channel when the session has ended.
func (m *Manager) Adopt(s *session.Session, ended chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current, m.ended = &managed{Session: s}, ended
}

// Start implements [Runner].
func (m *Manager) Start(ctx context.Context, settings result.Settings) (string, error) {
	if err := m.idle(); err != nil {
		return "", err // before the checks, which take a while
	}
	s, err := m.session(ctx, settings)
	if err != nil {
		return "", err
	}
	_, err = s.Check(ctx, false)
	switch {
	case errors.Is(err, scenario.ErrNotReady):
		return "", field.Errorf("host", "cannot be load tested: %v", err)
	case err != nil:
		return "", err
	}
	if err := m.launch(ctx, s); err != nil {
		return "", err
	}
	return s.ID(), nil
}

// launch runs a session in the background and waits until its load has begun,
// because the client may change the load once it has the answer.
func (m *Manager) launch(ctx context.Context, s *managed) error {
	ended := make(chan struct{})
	m.mu.Lock()
	if m.running() || m.closed {
		m.mu.Unlock()
		return ErrRunning
	}
	m.current, m.ended = s, ended
	m.mu.Unlock()
	go m.run(context.WithoutCancel(ctx), s, ended)
	select {
	case <-s.Begun():
		return nil
	case <-ended:
		return errors.New("the run ended before its load began")
	case <-ctx.Done():
		return fmt.Errorf("wait for the load to begin: %w", ctx.Err())
	}
}

// run runs a session to its end and saves it. It outlives the request that
// started it; [Manager.Close] stops it.
func (m *Manager) run(ctx context.Context, s *managed, ended chan struct{}) {
	defer close(ended)
	defer func() {
		// The process may sell tickets as well, so a panic here must not end it.
		if cause := recover(); cause != nil {
			m.log.Error("load test panicked", "run", s.ID(), "panic", cause, "stack", string(debug.Stack()))
			s.Cut()
		}
	}()
	r, err := s.Run(ctx, nil)
	if err == nil && m.options.Store != nil {
		err = m.options.Store.Save(r)
	}
	if err != nil {
		m.log.Error("load test failed", "run", s.ID(), "error", err)
	}
}

// session makes a session from settings.
func (m *Manager) session(ctx context.Context, settings result.Settings) (*managed, error) {
	if settings.Host == "" {
		settings.Host = m.options.Host
	}
	own := settings.Host == m.options.Host
	target, err := m.target(ctx, settings.Host)
	if err != nil {
		return nil, err
	}
	if settings.Scenario == "" {
		settings.Scenario = scenario.Builtin()[0].Name
	}
	spec, ok := scenario.Find(settings.Scenario)
	if !ok {
		return nil, field.Errorf("scenario", "must be one that GET /stress/scenarios lists: scenario files work only on the command line")
	}
	instance := spec.New()
	o := session.Options{
		Settings: settings, Source: session.Source{Scenario: instance.Scenario, Instance: instance}, Target: target,
		Program: m.options.Program, Logger: m.options.Logger,
	}
	if own && (target == m.options.Target || target.Private()) {
		o.AdminToken = m.options.AdminToken
	}
	return m.bounded(ctx, o)
}

// target returns where the load of a run goes. The resolved address decides
// whether it is loopback, and every connection of the run goes to that address.
func (m *Manager) target(ctx context.Context, host string) (*wire.Target, error) {
	switch {
	case host == "":
		return nil, field.Errorf("host", "must be given, such as http://127.0.0.1:8000")
	case host == m.options.Host && m.options.Target != nil:
		return m.options.Target, nil
	}
	target, err := wire.ParseTarget(host)
	if err != nil {
		return nil, field.Errorf("host", "cannot be used: %v", err)
	}
	target.Resolve(ctx, m.options.Resolver)
	if host != m.options.Host && !target.Loopback() {
		return nil, field.Errorf("host", "must resolve to a loopback address, or be %s: use the command line to load test other hosts", m.options.Host)
	}
	return target, nil
}

func (m *Manager) idle() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.running() || m.closed {
		return ErrRunning
	}
	return nil
}

// running reports whether a session is under way. The caller holds the lock.
func (m *Manager) running() bool {
	if m.current == nil {
		return false
	}
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// active returns the session that is under way.
func (m *Manager) active() (*managed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.running() {
		return nil, ErrIdle
	}
	return m.current, nil
}

// Stop implements [Runner].
func (m *Manager) Stop() error {
	s, err := m.active()
	if err != nil {
		return err
	}
	s.Stop()
	return nil
}

// Change implements [Runner].
func (m *Manager) Change(c Change) error {
	s, err := m.active()
	if err != nil {
		return err
	}
	name, value := "users", 0.0
	switch {
	case c.Rate != nil:
		name, value = "rate", *c.Rate
	case c.Users != nil:
		value = float64(*c.Users)
	}
	if want := s.LoadField(); want != name {
		return field.Errorf(name, "does not fit the run, which has %s", want)
	}
	if name == "users" {
		if err := m.allows(s, name, value); err != nil {
			return err
		}
	}
	if err := s.Change(value, c.SpawnRate); errors.Is(err, stress.ErrNotRunning) {
		return ErrIdle
	} else if err != nil {
		return err
	}
	return nil
}

// Live implements [Runner].
func (m *Manager) Live() Live {
	m.mu.Lock()
	s, running := m.current, m.running()
	m.mu.Unlock()
	if s == nil {
		return Live{}
	}
	live := Live{Running: running, ID: s.ID()}
	if running {
		live.Report, live.Now = s.Report(), s.Now()
	}
	return live
}

// Runs implements [Runner].
func (m *Manager) Runs() ([]history.Summary, error) {
	if m.options.Store == nil {
		return nil, nil
	}
	return m.options.Store.List()
}

// Run implements [Runner].
func (m *Manager) Run(id string) (result.Run, error) {
	if m.options.Store == nil {
		return result.Run{}, fmt.Errorf("runs are not kept: %w", history.ErrNotFound)
	}
	return m.options.Store.Get(id)
}

// Compare implements [Runner].
func (m *Manager) Compare(base, other string) (history.Comparison, error) {
	a, err := m.Run(base)
	if err != nil {
		return history.Comparison{}, err
	}
	b, err := m.Run(other)
	if err != nil {
		return history.Comparison{}, err
	}
	return history.Compare(a, b), nil
}

// Scenarios implements [Runner].
func (m *Manager) Scenarios() []Scenario {
	var all []Scenario
	for _, s := range scenario.Builtin() {
		all = append(all, Scenario{Name: s.Name, Summary: s.Summary})
	}
	return all
}

// closeGrace is how long a run may take to end gently when the manager closes.
// The rest of the shutdown waits for it.
const closeGrace = 2 * time.Second

// Close stops the run that is under way and waits until it has ended, or the
// context ends. A run that takes longer than 2 s is cut off. No run starts after
// Close.
func (m *Manager) Close(ctx context.Context) error {
	m.mu.Lock()
	m.closed = true
	s, running, ended := m.current, m.running(), m.ended
	m.mu.Unlock()
	if !running {
		return nil
	}
	s.Stop()
	defer time.AfterFunc(closeGrace, s.Cut).Stop()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the load test to end: %w", context.Cause(ctx))
	}
}
