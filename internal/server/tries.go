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

// Limits of wrong admin tokens. They limit the load of guessing, and warn the operator.
// They do not prevent guessing; the length of the token does. The correct token must
// always be accepted, because all clients behind one proxy have the same address.
const (
	// triesWindow is the interval after which the counts are reset.
	triesWindow = time.Minute
	// maxTries is how many wrong tokens of one address are answered 401 within
	// triesWindow.
	maxTries = 20
	// maxTriesClients is how many addresses have their own count. All others share
	// one.
	maxTriesClients = 1024
	// maxTriesLogged is the maximum number of log lines within triesWindow.
	maxTriesLogged = 20
)

// tries counts the wrong admin tokens of each address. It is safe for concurrent use.
type tries struct {
	now    func() time.Time
	log    *slog.Logger
	failed func() // counts a wrong token in the metrics

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
	// Closing makes each further guess cost a new connection.
	return tooManyTries.problem().with("Retry-After", strconv.Itoa(left)).with("Connection", "close")
}
