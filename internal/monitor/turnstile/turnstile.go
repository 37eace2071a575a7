// Package turnstile limits how many calls run at the same time and how much processor
// time each client uses. A client that has used more than its share waits. A dashboard
// stays within the limits. All clients together can use only a small share of the
// machine.
package turnstile

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

const (
	// AtOnce is how many calls run at the same time, at most one per client. The others
	// wait.
	AtOnce = 2
	// MaxWaiting is how many calls may wait.
	MaxWaiting = 200
	// MaxClientWaiting is how many calls of one client may wait.
	MaxClientWaiting = 50
	// Timeout is how long a call may wait.
	Timeout = 5 * time.Second
	// refusalDelay is how long a call waits before it is rejected because its turn would
	// come too late. It slows down clients that retry at once.
	refusalDelay = time.Second

	// DefaultShare is the share of all processors that the calls of all clients may use
	// in the long run: on two processors, a tenth of one. The page of "onsale up" needs
	// a seventh of that.
	DefaultShare = 0.05
	// clientPart is the part of the share that one client may use.
	clientPart = 2.0 / 3
	// maxCredit is how much processor time an idle client can save up. A dashboard of 20
	// panels needs two fifths of it.
	maxCredit = 500 * time.Millisecond
	// maxClients is how many clients have their own account. The others share one.
	maxClients = 1000
)

// ErrBusy is returned if a call does not get its turn in time.
var ErrBusy = errors.New("too many queries, or too expensive ones, were sent before this one; retry later")

// Turnstile counts the running calls and the processor time of each client.
type Turnstile struct {
	share, clientShare float64 // of all processors

	mu      sync.Mutex
	all     account
	clients map[string]*client
	inside  int
	waiting int
	forgot  time.Time     // when forget last ran
	changed chan struct{} // closed and replaced when a call has ended
}

// client is one client address.
type client struct {
	account

	inside  bool
	waiting int
}

// account is the available processor time, in seconds, at a point in time. It is negative
// if more was used.
type account struct {
	credit float64
	at     time.Time
}

// fill adds the processor time that the share provides from at until now.
func (a *account) fill(now time.Time, share float64) {
	a.credit += now.Sub(a.at).Seconds() * share * float64(runtime.GOMAXPROCS(0))
	a.credit = min(a.credit, maxCredit.Seconds())
	a.at = now
}

// wait returns how long it takes until there is credit again.
func (a *account) wait(share float64) time.Duration {
	if a.credit > 0 {
		return 0
	}
	seconds := -a.credit / (share * float64(runtime.GOMAXPROCS(0)))
	return time.Duration(seconds*float64(time.Second)) + time.Millisecond
}

func newAccount(now time.Time) account { return account{credit: maxCredit.Seconds(), at: now} }

// New returns a turnstile. share is the part of all processors that calls may use, such as
// 0.05.
func New(share float64) *Turnstile {
	return &Turnstile{
		share: share, clientShare: share * clientPart,
		all:     newAccount(time.Now()),
		clients: make(map[string]*client),
		changed: make(chan struct{}),
	}
}

// Enter waits for the client's turn. After the call, the caller must call leave with the
// used processor time. If the call does not get its turn in time, Enter returns ErrBusy
// and the time after which to retry. If the context ends first, it returns its cause.
func (t *Turnstile) Enter(ctx context.Context, name string) (leave func(used time.Duration), after time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, Timeout, ErrBusy)
	defer cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.client(name)
	if t.waiting >= MaxWaiting || c.waiting >= MaxClientWaiting {
		return nil, Timeout, ErrBusy
	}
	t.waiting++
	c.waiting++
	defer func() {
		t.waiting--
		c.waiting--
	}()
	for ; ; t.fill(c) {
		wait := max(t.all.wait(t.share), c.wait(t.clientShare))
		if wait == 0 && !c.inside && t.inside < AtOnce {
			t.inside++
			c.inside = true
			return func(used time.Duration) { t.leave(c, used) }, 0, nil
		}
		if wait > Timeout {
			if err := t.pause(ctx); err != nil {
				return nil, wait, err
			}
			return nil, wait, ErrBusy
		}
		if wait == 0 {
			wait = Timeout // until a call ends
		}
		if err := t.sleep(ctx, wait); err != nil {
			return nil, time.Second, err
		}
	}
}

// sleep releases the lock until a call ends or d is over. It returns an error if the
// context ends first.
func (t *Turnstile) sleep(ctx context.Context, d time.Duration) error {
	changed := t.changed
	t.mu.Unlock()
	defer t.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// pause releases the lock for refusalDelay.
func (t *Turnstile) pause(ctx context.Context) error {
	t.mu.Unlock()
	defer t.mu.Lock()
	timer := time.NewTimer(refusalDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t *Turnstile) leave(c *client, used time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inside--
	c.inside = false
	c.credit -= used.Seconds()
	t.all.credit -= used.Seconds()
	close(t.changed)
	t.changed = make(chan struct{})
}

// client returns the account of a client with its current credit.
func (t *Turnstile) client(name string) *client {
	now := time.Now()
	if t.clients[name] == nil {
		if len(t.clients) >= maxClients && now.Sub(t.forgot) >= time.Second {
			t.forget(now)
		}
		if len(t.clients) >= maxClients {
			name = "others"
		}
		if t.clients[name] == nil {
			t.clients[name] = &client{account: newAccount(now)}
		}
	}
	c := t.clients[name]
	t.fill(c)
	return c
}

// fill updates the account of a client, and the account of all clients, to now.
func (t *Turnstile) fill(c *client) {
	now := time.Now()
	t.all.fill(now, t.share)
	c.fill(now, t.clientShare)
}

// forget removes idle clients with full credit.
func (t *Turnstile) forget(now time.Time) {
	t.forgot = now
	for name, c := range t.clients {
		if c.fill(now, t.clientShare); !c.inside && c.waiting == 0 && c.credit >= maxCredit.Seconds() {
			delete(t.clients, name)
		}
	}
}
