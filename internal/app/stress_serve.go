package app

import (
	"context"
	"net"
	"time"

	"onsale/internal/edge"
	"onsale/internal/endpoint"
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

// asideLimit bounds the wait for requests in flight to a server beside a load test.
const asideLimit = 2 * time.Second

// serveAside serves what is mounted at the address that a flag gives, under the
// rules for who may ask, until the parts are stopped. It returns the address.
func (t *test) serveAside(ctx context.Context, flag, address string, mounts []server.Mount) (net.Addr, error) {
	listener, err := listen(ctx, flag, address, stressConnections, t.log)
	if err != nil {
		return nil, err
	}
	front := server.NewFront(server.FrontOptions{
		Mounts: mounts, AdminToken: t.options.AdminToken, Loopback: endpoint.OnLoopback(listener.Addr()),
		AllowedHosts: t.options.AllowedHosts, Admit: edge.Admit, Logger: t.log,
	})
	t.parts.Serve("server of "+flag, asideLimit, newHTTPServer(listener, front, t.log), listener)
	return listener.Addr(), nil
}
