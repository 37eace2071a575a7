package prom

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"time"
)

const (
	// callsAtOnce is how many calls of the API that cost something are worked on at
	// the same time, one for each client. The others wait.
	callsAtOnce = 2
	// maxWaiting is how many calls wait, and waitTimeout for how long. What is
	// beyond is answered 503.
	maxWaiting  = 200
	waitTimeout = 5 * time.Second

	// defaultShare is which part of all processors the calls of all clients may use
	// in the long run: three tenths of one processor, where there are two.
	defaultShare = 0.15
	// clientPart is which part of that one client may use.
	clientPart = 2.0 / 3
	// maxCredit is how much processor time a client that was quiet may use at once:
	// a dashboard of 20 panels needs a tenth of it.
	maxCredit = 2 * time.Second
	// maxClients is how many clients are told apart; the rest count as one.
	maxClients = 1000
)

// errBusy is returned when a call has waited in vain for its turn.
var errBusy = errors.New("too many queries, or queries that cost too much, were sent before this one")

// turnstile lets a few calls through at a time. Each of them pays with processor
// time: whoever used much of it waits until it is paid back. So dashboards notice
// nothing, and queries cannot take more than a small share of the machine from the
// sale.
type turnstile struct {
	share, clientShare float64 // of all processors

	mu      sync.Mutex
	all     account
	clients map[string]*client
	inside  int
	waiting int
	changed chan struct{} // closed, and made anew, when a call has ended
}

// client is one address that calls come from.
type client struct {
	account

	inside bool
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

func newTurnstile(share float64) *turnstile {
	return &turnstile{
		share: share, clientShare: share * clientPart,
		all:     newAccount(time.Now()),
		clients: make(map[string]*client),
		changed: make(chan struct{}),
	}
}

// enter waits for the client's turn. The call must end with leave. If it does not
// get its turn, enter returns errBusy, with the time until it may, or the error of
// the context.
func (t *turnstile) enter(ctx context.Context, name string) (leave func(used time.Duration), after time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, waitTimeout, errBusy)
	defer cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting >= maxWaiting {
		return nil, waitTimeout, errBusy
	}
	t.waiting++
	defer func() { t.waiting-- }()
	for {
		c := t.client(name)
		wait := max(t.all.wait(t.share), c.wait(t.clientShare))
		if wait == 0 && !c.inside && t.inside < callsAtOnce {
			t.inside++
			c.inside = true
			return func(used time.Duration) { t.leave(c, used) }, 0, nil
		}
		if wait > waitTimeout {
			return nil, wait, errBusy
		}
		if wait == 0 {
			wait = waitTimeout // until a call ends
		}
		if err := t.sleep(ctx, wait); err != nil {
			return nil, time.Second, err
		}
	}
}

// sleep gives up the lock until a call has ended, the time is over or the context
// has ended.
func (t *turnstile) sleep(ctx context.Context, d time.Duration) error {
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

func (t *turnstile) leave(c *client, used time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.inside--
	c.inside = false
	c.credit -= used.Seconds()
	t.all.credit -= used.Seconds()
	close(t.changed)
	t.changed = make(chan struct{})
}

// client returns the account of a client, filled up to now, and fills that of all.
func (t *turnstile) client(name string) *client {
	now := time.Now()
	t.all.fill(now, t.share)
	if t.clients[name] == nil {
		if len(t.clients) >= maxClients {
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
	c.fill(now, t.clientShare)
	return c
}

// forget drops the clients whose account says nothing any more.
func (t *turnstile) forget(now time.Time) {
	for name, c := range t.clients {
		if c.fill(now, t.clientShare); !c.inside && c.credit >= maxCredit.Seconds() {
			delete(t.clients, name)
		}
	}
}

// clientOf tells clients apart: by their address, and in IPv6 by the network, of
// which everybody has as many addresses as they like.
func clientOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if address = address.Unmap(); address.Is6() {
		if network, err := address.WithZone("").Prefix(64); err == nil {
			return network.String()
		}
	}
	return address.String()
}

// wholeSeconds rounds up, for Retry-After.
func wholeSeconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }
