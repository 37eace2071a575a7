// Package server is Onsale's HTTP API.
//
// routes.go lists all calls. The types and the handler of each call are in a file named
// after its subject; all errors are in kinds.go.
//
// [Huma] decodes requests into the handlers' inputs, and derives the description of the
// API from the types. [Server] adds metrics, limits, access control and injected faults.
//
// [Huma]: https://huma.rocks
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/telemetry"
)

// Seller sells tickets: a [sale.Seller].
type Seller interface {
	Buy(ctx context.Context, o sale.Order) (sale.Outcome, error)
	Known(ctx context.Context, o sale.Order) (outcome sale.Outcome, ok bool, err error)
	// Ready returns nil if a purchase could be written now, and otherwise the error
	// that prevents it.
	Ready() error
}

// Faults injects faults into calls: a [fault.Injector].
type Faults interface {
	Route(ctx context.Context, route string) error
	Set(ctx context.Context, p fault.Plan) (fault.State, error)
	Patch(ctx context.Context, patch []byte) (state fault.State, ignored []string, err error)
	State() fault.State
	Active() []string
	Ready() bool
	ScrapeDown() bool
}

// Replicas lists which replicas have applied which fault plan: a [fault.Store].
type Replicas interface {
	Replicas(ctx context.Context) ([]fault.Replica, error)
}

// Options of a [Server]. DefaultOptions sets those that have a default. The others are
// required unless their comment says otherwise.
type Options struct {
	Ledger     sale.Ledger
	Seller     Seller
	Items      item.Store
	Tokens     *item.Issuer
	Faults     Faults
	Replicas   Replicas
	Metrics    http.Handler // answers GET /metrics
	Registerer prometheus.Registerer
	Logger     *slog.Logger
	// MaxPerPurchase is the maximum number of tickets of one purchase.
	MaxPerPurchase int
	// MaxUserLabels is the number of users with their own series, at most
	// [MaxUserLabels].
	MaxUserLabels int
	// AdminToken is the token that admin calls need. [OpenToAll] opens them to
	// everyone. If it is empty, admin calls are answered on a loopback address only.
	AdminToken string
	// OwnToken is a second token for admin calls, used by other parts of the same
	// program. It is new at each start and is never shown. Empty means none.
	OwnToken string
	// Admit decides whether a request is served while there are too many
	// connections; nil serves all.
	Admit Admit
	// Waited returns how long a request waited before the handler received it. That
	// time counts as a part of the request's duration. nil means no wait.
	Waited func(*http.Request) time.Duration
	// Mounts are handlers that are served on the same address as the API.
	Mounts []Mount
	// Loopback means that the server listens on a loopback address only.
	Loopback bool
	// AllowedHosts are additional names of this server. IP addresses, names without
	// a dot, names under localhost, and host.docker.internal are always allowed.
	// Requests with any other Host are rejected, unless a token protects the server.
	AllowedHosts []string
	// Version is the version in the API's description.
	Version string
	Now     func() time.Time
}

// DefaultOptions returns the options that have a default.
func DefaultOptions() Options {
	return Options{
		MaxPerPurchase: sale.DefaultMaxPerPurchase,
		MaxUserLabels:  DefaultMaxUserLabels,
		Version:        "dev",
		Now:            time.Now,
	}
}

func (o Options) validate() error {
	for _, field := range []struct {
		name  string
		given bool
	}{
		{"Ledger", o.Ledger != nil},
		{"Seller", o.Seller != nil},
		{"Items", o.Items != nil},
		{"Tokens", o.Tokens != nil},
		{"Faults", o.Faults != nil},
		{"Replicas", o.Replicas != nil},
		{"Metrics", o.Metrics != nil},
		{"Registerer", o.Registerer != nil},
		{"Logger", o.Logger != nil},
		{"Version", o.Version != ""},
		{"Now", o.Now != nil},
	} {
		if !field.given {
			return fmt.Errorf("%s must be set", field.name)
		}
	}
	if o.MaxPerPurchase < 1 || o.MaxPerPurchase > sale.MaxCapacity {
		return fmt.Errorf("MaxPerPurchase must be between 1 and %d, not %d", sale.MaxCapacity, o.MaxPerPurchase)
	}
	if o.MaxUserLabels < 0 || o.MaxUserLabels > MaxUserLabels {
		return fmt.Errorf("MaxUserLabels must be between 0 and %d, not %d", MaxUserLabels, o.MaxUserLabels)
	}
	if strings.ContainsFunc(o.AdminToken, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("AdminToken must be visible ASCII characters without spaces") // do not show the token
	}
	if err := CheckAllowedHosts(o.AllowedHosts); err != nil {
		return fmt.Errorf("AllowedHosts %w", err)
	}
	return nil
}

// Server answers the API's calls. It is safe for concurrent use.
type Server struct {
	front

	options  Options
	api      huma.API
	calls    map[string]call // by the mux's pattern; not written after New
	http     *telemetry.HTTP
	metrics  *metrics
	door     *door
	concerts *listing
	nosniff  []string // a header's value, shared by all answers
	draining atomic.Bool
	// obstacles logs why calls cannot be answered.
	obstacles *obstacles
}

// New returns a server and registers its metrics.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("server options: %w", err)
	}
	log := o.Logger.With("component", "server")
	s := &Server{
		options:  o,
		calls:    make(map[string]call),
		metrics:  newMetrics(o),
		concerts: newListing(o.Ledger, log, o.Now),
		nosniff:  []string{"nosniff"},

		obstacles: newObstacles(log, o.Seller),
	}
	tries := newTries(o.Now, log, s.metrics.wrongTokens.Inc)
	if s.options.Waited == nil {
		s.options.Waited = func(*http.Request) time.Duration { return 0 }
	}
	s.front = newFront(newGate(o.AdminToken, o.OwnToken, o.Loopback, tries), o.AllowedHosts, log)
	s.api = s.newAPI(calls{s})
	s.routes()
	s.door = newDoor(o.Admit, s.gate, s.mux, o.Mounts)
	for pattern, c := range s.calls {
		if c.admin {
			s.door.admin[pattern] = false
		}
	}
	if err := s.serveOpenAPI(); err != nil {
		return nil, err
	}
	s.http = s.countCalls()
	o.Registerer.MustRegister(newStock(s.concerts))
	return s, nil
}

// Handler returns the handler of all requests.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// Drain makes GET /ready answer 503, so that load balancers stop sending requests. Calls
// are still answered, but each connection is closed after its next answer.
func (s *Server) Drain() { s.draining.Store(true) }
