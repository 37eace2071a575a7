package server

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"onsale/internal/endpoint"
)

// Limits of wrong admin tokens. They bound what guessing costs the server, and warn
// the operator. They do not keep a token from being guessed; its length does. The
// right token must pass at any time, because all clients behind one proxy have the
// same address.
const (
	// triesWindow is how long wrong tokens are counted, until the count begins anew.
	triesWindow = time.Minute
	// maxTries is how many wrong tokens of an address are answered 401 within it.
	maxTries = 20
	// maxTriesClients is how many addresses are counted apart. Further ones share a
	// count.
	maxTriesClients = 1024
	// maxTriesLogged is how many lines are logged within it.
	maxTriesLogged = 20
)

// tries counts the wrong admin tokens of each address. It is safe for concurrent use.
type tries struct {
	now    func() time.Time
	log    *slog.Logger
	failed func() // counts them in the metrics

	mu     sync.Mutex
	since  time.Time
	counts map[netip.Prefix]int
	logged int
}

func newTries(now func() time.Time, log *slog.Logger, failed func()) *tries {
	return &tries{now: now, log: log, failed: failed, counts: make(map[netip.Prefix]int)}
}

// fail counts a wrong token and returns the problem to answer with.
func (t *tries) fail(r *http.Request) *Problem {
	t.failed()
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if now.Sub(t.since) >= triesWindow || now.Before(t.since) {
		t.since, t.logged = now, 0
		clear(t.counts)
	}
	client := endpoint.ClientOf(r.RemoteAddr)
	if _, known := t.counts[client]; !known && len(t.counts) >= maxTriesClients {
		client = netip.Prefix{}
	}
	t.counts[client]++
	count := t.counts[client]
	if first := count == 1 || count == maxTries+1; first && t.logged < maxTriesLogged {
		t.logged++
		t.log.Warn("wrong admin token", "remote_addr", r.RemoteAddr, "tries", count, "limited", count > maxTries)
	}
	if count <= maxTries {
		return unauthorized.problem().with("WWW-Authenticate", challenge)
	}
	left := int((t.since.Add(triesWindow).Sub(now) + time.Second - 1) / time.Second)
	// A further guess needs a connection of its own.
	return tooManyTries.problem().with("Retry-After", strconv.Itoa(left)).with("Connection", "close")
}
