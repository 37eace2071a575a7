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

// stressConnections limits the number of clients of a load test's server.
const stressConnections = 200

// stressServerLimit is the time that requests in flight get when a load test's server stops.
const stressServerLimit = 2 * time.Second

// StressServersOptions are the options of [StressServers].
type StressServersOptions struct {
	// MetricsAddr is the address of the metrics, and Listen the address of the API, both
	// host:port. An empty address means no server.
	MetricsAddr, Listen string
	// AdminToken and AllowedHosts are as in [Options]. The token is checked only if there
	// is a server that it protects.
	AdminToken   string
	AllowedHosts []string
	Logger       *slog.Logger
}

// StressServers are the servers of `onsale stress`: one for the metrics of the load test,
// and one for the API that controls it.
type StressServers struct {
	options StressServersOptions
	parts   *lifecycle
}

// NewStressServers checks the options and returns servers that are not started. Its errors
// name the invalid option.
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

// ServeControl serves the API of the runs at /stress until Stop, and returns the URL of the
// server. Stop also closes the manager of the runs.
func (s *StressServers) ServeControl(ctx context.Context, runs *api.Manager) (url string, err error) {
	streaming, endStreams := context.WithCancel(ctx)
	addr, err := s.serve(ctx, "--listen", s.options.Listen, stressMounts(api.Handler(streaming, runs, s.options.Logger)))
	if err != nil {
		endStreams()
		return "", err
	}
	// The event streams, and a run that the API has started, must end before the server
	// stops, because the server waits for them.
	s.parts.OnStop("load test", stressLimit, func(ctx context.Context) error {
		endStreams()
		return runs.Close(ctx)
	})
	return endpoint.LocalURL(addr), nil
}

// Stop stops the servers, each within its own time limit. It can be called again.
func (s *StressServers) Stop(ctx context.Context) error { return s.parts.Stop(ctx) }

// serve starts a server on the address of a flag, and returns the address.
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
