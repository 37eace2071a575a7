// Package turnstile lets a few calls through at a time, and lets each of them pay
// with processor time: a client that used much of it waits until it is paid back.
// A dashboard notices nothing, and strangers cannot take more than a small share of
// the machine from what else runs on it.
package turnstile

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

const (
	// AtOnce is how many calls are worked on at the same time, one for each client.
	// The others wait.
	AtOnce = 2
	// MaxWaiting is how many calls wait.
	MaxWaiting = 200
	// MaxClientWaiting is how many calls of one client wait.
	MaxClientWaiting = 50
	// Timeout is how long a call waits.
	Timeout = 5 * time.Second
	// refusalDelay is how long a call waits whose turn does not come in time. A
	// client that asks again at once would otherwise be answered as fast as it asks.
	refusalDelay = time.Second

	// DefaultShare is which part of all processors the calls of all clients may use
	// in the long run: a tenth of one processor, where there are two. The page of onsale
	// up needs a seventh of that.
	DefaultShare = 0.05
	// clientPart is which part of that one client may use.
	clientPart = 2.0 / 3
	// maxCredit is how much processor time a client that was quiet may use at once:
	// a dashboard of 20 panels needs two fifths of it.
	maxCredit = 500 * time.Millisecond
	// maxClients is how many clients have accounts of their own; the rest share one.
	maxClients = 1000
)

// ErrBusy is returned when a call does not get its turn in time.
var ErrBusy = errors.New("too many queries, or queries that cost too much, were sent before this one")

// Turnstile knows which calls are under way, and what each client has used.
type Turnstile struct {
	share, clientShare float64 // of all processors

	mu      sync.Mutex
	all     account
	clients map[string]*client
	inside  int
	waiting int
	forgot  time.Time     // when clients were forgotten last
	changed chan struct{} // closed, and made anew, when a call has ended
}

// client is one address that calls come from.
type client struct {
	account

	inside  bool
	waiting int
}

// account is the processor time that may be used, in seconds, at a time.
type account struct {
	credit float64
	at     time.Time
}

// fill adds what a share of the processors brings in until now.
func (a *account) fill(now time.Time, share float64) {
	a.credit += now.Sub(a.at).Seconds() * share * float64(runtime.GOMAXPROCS(0))
	a.credit = min(a.credit, maxCredit.Seconds())
	a.at = now
}

// wait is how long it takes until there is credit again.
func (a *account) wait(share float64) time.Duration {
	if a.credit > 0 {
		return 0
	}
	seconds := -a.credit / (share * float64(runtime.GOMAXPROCS(0)))
	return time.Duration(seconds*float64(time.Second)) + time.Millisecond
}

func newAccount(now time.Time) account { return account{credit: maxCredit.Seconds(), at: now} }

// New returns a turnstile for calls that may use a share of all processors.
func New(share float64) *Turnstile {
	return &Turnstile{
		share: share, clientShare: share * clientPart,
		all:     newAccount(time.Now()),
		clients: make(map[string]*client),
		changed: make(chan struct{}),
	}
}

// Enter waits for the client's turn. The call must end with leave, which is given
// the processor time that it used. A call that does not get its turn gets ErrBusy
// and the time after which it may try again, or the error of its context.
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

// sleep gives up the lock until a call has ended, the time is over or the context
// has ended.
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

// pause gives up the lock for a while.
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

// client returns the account of a client, filled up to now.
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

// fill fills the account of a client, and that of all, up to now.
func (t *Turnstile) fill(c *client) {
	now := time.Now()
	t.all.fill(now, t.share)
	c.fill(now, t.clientShare)
}

// forget drops the clients whose account says nothing any more.
func (t *Turnstile) forget(now time.Time) {
	t.forgot = now
	for name, c := range t.clients {
		if c.fill(now, t.clientShare); !c.inside && c.waiting == 0 && c.credit >= maxCredit.Seconds() {
			delete(t.clients, name)
		}
	}
}
