package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"onsale/internal/edge"
	"onsale/internal/server"
)

// stressConnections is how many clients may watch a load test at once.
const stressConnections = 200

// aside is a small server beside a load test.
type aside struct {
	http  *http.Server
	addr  net.Addr
	ended chan error
}

// serveAside serves what is mounted, under the rules for who may ask, until it
// is closed.
func serveAside(ctx context.Context, flag, address, token string, mounts []server.Mount, log *slog.Logger) (*aside, error) {
	listener, err := listen(ctx, flag, address, stressConnections, log)
	if err != nil {
		return nil, err
	}
	front := server.NewFront(server.FrontOptions{
		Mounts: mounts, AdminToken: token, Loopback: isLoopback(listener.Addr()), Admit: edge.Admit, Logger: log,
	})
	a := &aside{http: newHTTPServer(listener, front, log), addr: listener.Addr(), ended: make(chan error, 1)}
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
