package edge

import (
	"net/http"
	"time"
)

// Admit reports whether a request can be served. A request on a connection in reserve
// can be served if it is urgent, or if a place becomes free within a second. Otherwise
// the caller must reject it, and its connection is closed after the answer. A request
// that did not come through a [Listener] can always be served.
//
// If the connection was shed meanwhile, Admit panics with [http.ErrAbortHandler].
func Admit(w http.ResponseWriter, r *http.Request, urgent func(*http.Request) bool) bool {
	c, ok := r.Context().Value(connKey{}).(*Conn)
	if !ok || !c.spare.Load() || c.listener.promote(c) {
		return true
	}
	if urgent(r) {
		w.Header().Set("Connection", "close")
		c.listener.admit(c)
		return true
	}
	if c.awaitPlace(r.Context().Done()) {
		return true
	}
	w.Header().Set("Connection", "close")
	return false
}

// Waited returns how long a request waited for its turn; see [Listener.Pace].
func Waited(r *http.Request) time.Duration {
	if c, ok := r.Context().Value(connKey{}).(*Conn); ok {
		return c.waited
	}
	return 0
}

// awaitPlace waits until the connection gets a place, the client leaves, or placeWait
// has passed. All waiting requests are equal, so a client gains nothing by retrying.
func (c *Conn) awaitPlace(gone <-chan struct{}) bool {
	c.listener.demote(c)
	c.expiry.Reset(reserveTimeout) // the wait below does not count against the client
	c.listener.want(1)
	defer c.listener.want(-1)
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for tries := placeWait / lookInterval; tries > 0; tries-- {
		select {
		case <-look.C:
			if c.listener.promote(c) {
				return true
			}
		case <-gone:
			return false
		}
	}
	return false
}

// want counts the requests that wait for a place.
func (l *Listener) want(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted += n
}

// promote gives a connection in reserve a place. It reports whether there was one.
func (l *Listener) promote(c *Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.mustBeOpen()
	if l.taken() >= l.limit && !l.clearPlace() {
		return false
	}
	c.expiry.Stop()
	c.spare.Store(false)
	c.moveTo(&l.active)
	return true
}

// admit lets a connection stay in reserve while its request is served.
func (l *Listener) admit(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.mustBeOpen()
	c.expiry.Stop()
	c.moveTo(&l.admitted)
}

// demote records that a connection in reserve has no urgent request.
func (l *Listener) demote(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.mustBeOpen()
	c.moveTo(&l.ordinary)
}

// mustBeOpen ends the handler if the connection was closed meanwhile. The caller holds
// the listener's lock.
func (c *Conn) mustBeOpen() {
	if c.queue == nil {
		panic(http.ErrAbortHandler)
	}
}
