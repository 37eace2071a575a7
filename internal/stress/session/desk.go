package session

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
	"onsale/internal/stress/control"
	"onsale/internal/stress/history"
	"onsale/internal/stress/result"
	"onsale/internal/stress/scenario"
	"onsale/internal/stress/wire"
)

// DeskOptions are those of a [Desk].
type DeskOptions struct {
	// Store keeps the runs; nil where they are not kept.
	Store *history.Store
	// Host is the target of runs that name none. It is reached even if it is not
	// loopback; other hosts that are not loopback are refused, so that whoever
	// reaches the desk cannot storm the world.
	Host string
	// Target is Host as it was resolved once, so that all runs go where it led
	// then; nil resolves Host for each run.
	Target *wire.Target
	// AdminToken is Host's, and goes nowhere else: to the Target that was given, or
	// to a Host that nobody on the way can listen to.
	AdminToken string
	// Own is the process that the desk belongs to, so that a run against it leaves
	// connections to others.
	Own Own
	// Resolver looks up hosts that are names; nil is the system's.
	Resolver *net.Resolver
	// Program is Onsale's version.
	Program string
	Logger  *slog.Logger
}

// Desk starts runs, one at a time, for those who ask over HTTP. It is safe for
// concurrent use.
type Desk struct {
	options DeskOptions
	log     *slog.Logger

	mu      sync.Mutex
	current *Session      // the last one; nil before the first
	ended   chan struct{} // closed when it has ended and is kept
	closed  bool
}

var _ control.Desk = (*Desk)(nil)

// NewDesk returns a desk at which nothing runs.
func NewDesk(o DeskOptions) *Desk {
	return &Desk{options: o, log: o.Logger.With("component", "stress")}
}

// Adopt makes a session the current one that was started elsewhere. The channel
// is closed when it has ended.
func (d *Desk) Adopt(s *Session, ended chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.current, d.ended = s, ended
}

// Start implements [control.Desk].
func (d *Desk) Start(ctx context.Context, settings result.Settings) (string, error) {
	if err := d.idle(); err != nil {
		return "", err // before the checks, which take a while
	}
	s, err := d.session(ctx, settings)
	if err != nil {
		return "", err
	}
	_, err = s.Check(ctx, false)
	switch {
	case errors.Is(err, scenario.ErrNotReady):
		return "", field.Errorf("host", "cannot be stormed: %v", err)
	case err != nil:
		return "", err
	}
	if err := d.launch(ctx, s); err != nil {
		return "", err
	}
	return s.id, nil
}

// launch lets a session run, and waits until its load has begun: who is told that
// a run was started may change it.
func (d *Desk) launch(ctx context.Context, s *Session) error {
	ended := make(chan struct{})
	d.mu.Lock()
	if d.running() || d.closed {
		d.mu.Unlock()
		return control.ErrRunning
	}
	d.current, d.ended = s, ended
	d.mu.Unlock()
	go d.run(context.WithoutCancel(ctx), s, ended)
	select {
	case <-s.begun:
		return nil
	case <-ended:
		return errors.New("the run ended before its load began")
	case <-ctx.Done():
		return fmt.Errorf("wait for the load to begin: %w", ctx.Err())
	}
}

// run lets a session run to its end, and keeps it. Whoever asked for it has
// gone: the desk's end stops it.
func (d *Desk) run(ctx context.Context, s *Session, ended chan struct{}) {
	defer close(ended)
	defer func() {
		// The process may sell tickets as well, and must not end by a panic here.
		if cause := recover(); cause != nil {
			d.log.Error("load test panicked", "run", s.id, "panic", cause, "stack", string(debug.Stack()))
			s.Cut()
		}
	}()
	r, err := s.Run(ctx, nil)
	if err == nil && d.options.Store != nil {
		err = d.options.Store.Save(r)
	}
	if err != nil {
		d.log.Error("load test did not end well", "run", s.id, "error", err)
	}
}

// session makes the session that settings ask for.
func (d *Desk) session(ctx context.Context, settings result.Settings) (*Session, error) {
	if settings.Host == "" {
		settings.Host = d.options.Host
	}
	own := settings.Host == d.options.Host
	target, err := d.target(ctx, settings.Host)
	if err != nil {
		return nil, err
	}
	if settings.Scenario == "" {
		settings.Scenario = scenario.Builtin()[0].Name
	}
	spec, ok := scenario.Find(settings.Scenario)
	if !ok {
		return nil, field.Errorf("scenario", "must be one that GET /stress/scenarios lists: files are for the command line")
	}
	instance := spec.New()
	o := Options{
		Settings: settings, Source: Source{Scenario: instance.Scenario, Instance: instance}, Target: target,
		Program: d.options.Program, Logger: d.options.Logger,
	}
	if own && (target == d.options.Target || target.Private()) {
		o.AdminToken = d.options.AdminToken
	}
	return d.bounded(ctx, o)
}

// target returns where the load of a run goes. What is a loopback address is
// decided by the address, and kept to by every connection of the run.
func (d *Desk) target(ctx context.Context, host string) (*wire.Target, error) {
	switch {
	case host == "":
		return nil, field.Errorf("host", "must be given, such as http://127.0.0.1:8000")
	case host == d.options.Host && d.options.Target != nil:
		return d.options.Target, nil
	}
	target, err := wire.ParseTarget(host)
	if err != nil {
		return nil, field.Errorf("host", "cannot be used: %v", err)
	}
	target.Resolve(ctx, d.options.Resolver)
	if host != d.options.Host && !target.Loopback() {
		return nil, field.Errorf("host", "must lead to a loopback address, or be %s: other hosts are stormed from the command line", d.options.Host)
	}
	return target, nil
}

func (d *Desk) idle() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running() || d.closed {
		return control.ErrRunning
	}
	return nil
}

// running reports whether a session is under way. The caller holds the lock.
func (d *Desk) running() bool {
	if d.current == nil {
		return false
	}
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// active returns the session that is under way.
func (d *Desk) active() (*Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.running() {
		return nil, control.ErrIdle
	}
	return d.current, nil
}

// Stop implements [control.Desk].
func (d *Desk) Stop() error {
	s, err := d.active()
	if err != nil {
		return err
	}
	s.Stop()
	return nil
}

// Change implements [control.Desk].
func (d *Desk) Change(c control.Change) error {
	s, err := d.active()
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
	if want := s.field(); want != name {
		return field.Errorf(name, "does not fit the run, which has %s", want)
	}
	if name == "users" {
		if err := d.allows(s, name, value); err != nil {
			return err
		}
	}
	if err := s.Change(value, c.SpawnRate); errors.Is(err, stress.ErrNotRunning) {
		return control.ErrIdle
	} else if err != nil {
		return err
	}
	return nil
}

// Live implements [control.Desk].
func (d *Desk) Live() control.Live {
	d.mu.Lock()
	s, running := d.current, d.running()
	d.mu.Unlock()
	if s == nil {
		return control.Live{}
	}
	live := control.Live{Running: running, ID: s.id}
	if running {
		live.Report, live.Now = s.Report(), s.Now()
	}
	return live
}

// Runs implements [control.Desk].
func (d *Desk) Runs() ([]history.Summary, error) {
	if d.options.Store == nil {
		return nil, nil
	}
	return d.options.Store.List()
}

// Run implements [control.Desk].
func (d *Desk) Run(id string) (result.Run, error) {
	if d.options.Store == nil {
		return result.Run{}, fmt.Errorf("runs are not kept: %w", history.ErrNotFound)
	}
	return d.options.Store.Get(id)
}

// Compare implements [control.Desk].
func (d *Desk) Compare(base, other string) (history.Comparison, error) {
	a, err := d.Run(base)
	if err != nil {
		return history.Comparison{}, err
	}
	b, err := d.Run(other)
	if err != nil {
		return history.Comparison{}, err
	}
	return history.Compare(a, b), nil
}

// Scenarios implements [control.Desk].
func (d *Desk) Scenarios() []control.Scenario {
	var all []control.Scenario
	for _, s := range scenario.Builtin() {
		all = append(all, control.Scenario{Name: s.Name, Summary: s.Summary})
	}
	return all
}

// closeGrace is how long a run may take to its gentle end when the desk closes.
// Whatever else is to end has to wait for it.
const closeGrace = 2 * time.Second

// Close stops the run that is under way and waits until it has ended, or the
// context does; after a moment it is cut off. Nothing is started after it.
func (d *Desk) Close(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	s, running, ended := d.current, d.running(), d.ended
	d.mu.Unlock()
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
