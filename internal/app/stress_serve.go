package app

import (
	"context"
	"net"
	"net/http"
	"time"

	"onsale/internal/server"
)

// validAccess checks the admin token if it protects a server beside the load test. The
// target decides about a token that is only sent to it.
func (o StressOptions) validAccess() error {
	if o.Listen == "" && o.MetricsAddr == "" {
		return validAccess("", o.AllowedHosts)
	}
	return validAccess(o.AdminToken, o.AllowedHosts)
}

// stressConnections is how many clients may watch a load test at once.
const stressConnections = 200

// aside is a small server beside a load test.
type aside struct {
	http  *http.Server
	addr  net.Addr
	ended chan error
}

// serveAside serves what is mounted at the address that a flag gives, under the
// rules for who may ask, until it is closed.
func (t *test) serveAside(ctx context.Context, flag, address string, mounts []server.Mount) (*aside, error) {
	listener, err := listen(ctx, flag, address, stressConnections)
	if err != nil {
		return nil, err
	}
	front := server.NewFront(server.FrontOptions{
		Mounts: mounts, AdminToken: t.options.AdminToken, Loopback: isLoopback(listener.Addr()),
		AllowedHosts: t.options.AllowedHosts, Logger: t.log,
	})
	a := &aside{http: newHTTPServer(front, t.log), addr: listener.Addr(), ended: make(chan error, 1)}
	go func() { a.ended <- serveHTTP(a.http, listener) }()
	return a, nil
}

// asideTimeout bounds the wait for requests in flight.
const asideTimeout = 2 * time.Second

// close ends the server. Streams of events must have been ended before.
func (a *aside) close(ctx context.Context) error {
	if a == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), asideTimeout)
	defer cancel()
	if err := shutDown(ctx, a.http); err != nil {
		return err
	}
	return <-a.ended
}
