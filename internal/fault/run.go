package fault

import (
	"context"
	"fmt"
	"time"
)

// Intervals and timeouts for the store.
const (
	// PollInterval is how often a replica polls the stored plan. Including the time
	// to read it, every replica applies a new plan within 2 s.
	PollInterval = time.Second
	// HeartbeatInterval is how often a replica sends a heartbeat. A store no longer
	// lists it after 15 s without one.
	HeartbeatInterval = 5 * time.Second
	// storeTimeout limits one call to the store. The next poll retries it.
	storeTimeout = time.Second
)

// Run polls the stored plan, sends heartbeats, and runs the background faults: CPU
// burn, memory ballast and crash. While the store fails, the last plan stays in
// force. Run returns nil after ctx has ended and everything it started has stopped.
// It must not be called concurrently.
func (i *Injector) Run(ctx context.Context) error {
	poll := time.NewTicker(PollInterval)
	defer poll.Stop()
	f := follower{Injector: i, loads: make(map[kind]*load)}
	defer f.stop()
	for ctx.Err() == nil {
		f.drive(ctx)
		f.follow(ctx)
		select {
		case <-ctx.Done():
		case <-poll.C:
		case <-i.changed:
		}
	}
	return nil
}

// follower is the state of Run between two polls.
type follower struct {
	*Injector

	// driven is the plan whose loads are running.
	driven *applied
	loads  map[kind]*load
	// failing is true if the store's last call failed, which was logged.
	failing bool
}

// drive replaces the loads of the last plan by those of the current one. A load
// that is the same in both continues.
func (f *follower) drive(ctx context.Context) {
	a := f.current.Load()
	if a == f.driven {
		return
	}
	f.driven = a
	for _, next := range f.Injector.loads(a) {
		if old := f.loads[next.kind]; old != nil {
			if old.spec == next.spec && old.when.same(next.when) {
				continue
			}
			old.stop()
		}
		f.start(ctx, next)
		f.loads[next.kind] = next
	}
}

// stop stops all loads.
func (f *follower) stop() {
	for _, l := range f.loads {
		l.stop()
	}
}

// follow loads the stored plan, sends a heartbeat if one is due, and logs when the
// store starts to fail and when it recovers.
func (f *follower) follow(ctx context.Context) {
	if f.store == nil {
		return
	}
	err := f.exchange(ctx)
	switch {
	case ctx.Err() != nil:
		// Run is stopping, so errors are expected.
	case err != nil && !f.failing:
		f.failing = true
		f.log.Warn("fault plan store failed, keeping the last plan", "error", err)
	case err == nil && f.failing:
		f.failing = false
		f.log.Info("fault plan store is available again")
	}
}

func (f *follower) exchange(ctx context.Context) error {
	loading, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := f.Load(loading); err != nil {
		return err
	}
	return f.beat(ctx)
}

// beat sends a heartbeat if the interval has passed or the version is new.
func (i *Injector) beat(ctx context.Context) error {
	i.beating.Lock()
	defer i.beating.Unlock()
	// It may be half a poll early. Otherwise jitter could make it a whole poll
	// late.
	version, now := i.current.Load().state.Version, i.now()
	if version == i.beatVersion && !i.beatAt.IsZero() && now.Sub(i.beatAt) < HeartbeatInterval-PollInterval/2 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := i.store.Heartbeat(ctx, i.replica, version); err != nil {
		return fmt.Errorf("send heartbeat: %w", err)
	}
	i.beatVersion, i.beatAt = version, now
	return nil
}
