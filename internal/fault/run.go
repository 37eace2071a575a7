package fault

import (
	"context"
	"fmt"
	"time"
)

// How a replica follows the store.
const (
	// PollInterval is how often the stored plan is read. With the time that
	// reading takes, every replica applies a new plan within 2 s.
	PollInterval = time.Second
	// HeartbeatInterval is how often a replica says that it lives: three times
	// in the 15 s after which a store no longer lists it.
	HeartbeatInterval = 5 * time.Second
	// storeTimeout bounds one call to the store; the next poll is a new chance.
	storeTimeout = time.Second
)

// Run follows the stored plan, says that this replica lives, and drives CPU
// burn and memory ballast. While the store fails, the last plan holds. Run
// returns nil when ctx has ended and all that it started has stopped. It must
// not run twice at a time.
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

// follower is what Run remembers from one round to the next.
type follower struct {
	*Injector

	// driven is the plan whose loads run.
	driven *applied
	loads  map[kind]*load
	// failing says that the store's last call failed, which was logged.
	failing bool
}

// drive lets the loads of the current plan run, in the place of the last one's.
// A load that both have goes on.
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

// follow loads the stored plan, sends a heartbeat if one is due, and logs when
// the store begins to fail and when it answers again.
func (f *follower) follow(ctx context.Context) {
	if f.store == nil {
		return
	}
	err := f.exchange(ctx)
	switch {
	case ctx.Err() != nil:
		// Stopping: an error is no news.
	case err != nil && !f.failing:
		f.failing = true
		f.log.Warn("fault plan store failed, the last plan holds", "error", err)
	case err == nil && f.failing:
		f.failing = false
		f.log.Info("fault plan store answers again")
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

// beat sends a heartbeat if one is due, for its time or for a new version.
func (i *Injector) beat(ctx context.Context) error {
	i.beating.Lock()
	defer i.beating.Unlock()
	// Half a poll early is due, lest jitter make it a whole poll late.
	version, now := i.current.Load().state.Version, i.now()
	if version == i.toldVersion && !i.toldAt.IsZero() && now.Sub(i.toldAt) < HeartbeatInterval-PollInterval/2 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := i.store.Heartbeat(ctx, i.replica, version); err != nil {
		return fmt.Errorf("send heartbeat: %w", err)
	}
	i.toldVersion, i.toldAt = version, now
	return nil
}
