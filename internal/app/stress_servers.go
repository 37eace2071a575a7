package app

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"onsale/internal/edge"
	"onsale/internal/endpoint"
	"onsale/internal/server"
	"onsale/internal/stress/api"
)

// stressConnections is how many clients may watch a load test at once.
const stressConnections = 200

// stressServerLimit bounds the wait for requests in flight to a server of a load test.
const stressServerLimit = 2 * time.Second

// StressServersOptions are those of [StressServers].
type StressServersOptions struct {
	// MetricsAddr is the address of the metrics, and Listen that of the API, host:port;
	// empty for no server.
	MetricsAddr, Listen string
	// AdminToken and AllowedHosts are those of [Options]. The token is checked only if it
	// protects a server.
	AdminToken   string
	AllowedHosts []string
	Logger       *slog.Logger
}

// StressServers are the servers of a load test that `onsale stress` runs: one of its
// metrics, and one of the API that watches and changes it.
type StressServers struct {
	options StressServersOptions
	parts   *lifecycle
}

// NewStressServers returns servers that serve nothing yet. Its errors name the option that
// makes no sense.
func NewStressServers(o StressServersOptions) (*StressServers, error) {
	token := ""
	if o.Listen != "" || o.MetricsAddr != "" {
		token = o.AdminToken
	}
	if err := validAccess(token, o.AllowedHosts); err != nil {
		return nil, err
	}
	return &StressServers{options: o, parts: newLifecycle(o.Logger, func(string, error) {})}, nil
}

// ServeMetrics serves /metrics until Stop, and returns the URL of the server.
func (s *StressServers) ServeMetrics(ctx context.Context, metrics http.Handler) (url string, err error) {
	addr, err := s.serve(ctx, "--metrics-addr", s.options.MetricsAddr, []server.Mount{{Pattern: "/metrics", Handler: metrics}})
	if err != nil {
		return "", err
	}
	return endpoint.LocalURL(addr), nil
}

// ServeControl serves the API of the runs, /stress, until Stop, and returns the URL of the
// server. Stop also closes the manager of the runs.
func (s *StressServers) ServeControl(ctx context.Context, runs *api.Manager) (url string, err error) {
	streaming, endStreams := context.WithCancel(ctx)
	addr, err := s.serve(ctx, "--listen", s.options.Listen, stressMounts(api.Handler(streaming, runs, s.options.Logger)))
	if err != nil {
		endStreams()
		return "", err
	}
	// A run that was started over the API after the first one ends first, and so do the
	// event streams: the server waits for them.
	s.parts.OnStop("load test", stressLimit, func(ctx context.Context) error {
		endStreams()
		return runs.Close(ctx)
	})
	return endpoint.LocalURL(addr), nil
}

// Stop stops the servers, each within a bound of its own. It may be called again.
func (s *StressServers) Stop(ctx context.Context) error { return s.parts.Stop(ctx) }

// serve serves what is mounted at the address that a flag gives, and returns the address.
func (s *StressServers) serve(ctx context.Context, flag, address string, mounts []server.Mount) (net.Addr, error) {
	listener, err := listen(ctx, flag, address, stressConnections, s.options.Logger)
	if err != nil {
		return nil, err
	}
	front := server.NewFront(server.FrontOptions{
		Mounts: mounts, AdminToken: s.options.AdminToken, Loopback: endpoint.OnLoopback(listener.Addr()),
		AllowedHosts: s.options.AllowedHosts, Admit: edge.Admit, Logger: s.options.Logger,
	})
	s.parts.Serve("server of "+flag, stressServerLimit, newHTTPServer(listener, front, s.options.Logger), listener)
	return listener.Addr(), nil
}
