package client

import (
	"context"
	"net/http"
	"time"

	"onsale/internal/fault"
	"onsale/internal/sale"
)

// wireBooks are the books in an answer.
type wireBooks struct {
	Concerts []wireConcertBooks `json:"concerts"`
}

type wireConcertBooks struct {
	ConcertID int64 `json:"concert_id"`
	Capacity  int64 `json:"capacity"`
	Sold      int64 `json:"sold"`
	Purchased int64 `json:"purchased"`
}

// Books compares the counters of tickets sold with the purchases. Error: ErrAdmin.
func (c *Client) Books(ctx context.Context) (sale.Books, error) {
	var w wireBooks
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/books", admin: true, want: http.StatusOK, list: true, into: &w})
	if err != nil {
		return sale.Books{}, err
	}
	books := sale.Books{Concerts: make([]sale.ConcertBooks, len(w.Concerts))}
	for i, line := range w.Concerts {
		books.Concerts[i] = sale.ConcertBooks(line)
	}
	return books, nil
}

// Faults is the current fault plan and the replicas that have applied it.
type Faults struct {
	// Version increases with each plan that is set; 0 means that none was set.
	Version int64 `json:"version"`
	// Summary is the plan in words.
	Summary string     `json:"summary"`
	Plan    fault.Plan `json:"plan"`
	// Active are the faults that are active now.
	Active []string `json:"active"`
	// Replicas are the replicas that reported recently; nil while the database is
	// unavailable.
	Replicas []Replica `json:"replicas"`
}

// Replica is a replica of the server and the version of the plan that it has applied.
type Replica struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	// Applied is whether the replica has applied the plan in Faults.
	Applied bool `json:"applied"`
	// SeenSecondsAgo is the time since the replica last reported.
	SeenSecondsAgo float64 `json:"seen_seconds_ago"`
}

// SeenAgo returns the time since the replica last reported.
func (r Replica) SeenAgo() time.Duration {
	return time.Duration(r.SeenSecondsAgo * float64(time.Second))
}

// Faults reads the fault plan. Error: ErrAdmin.
func (c *Client) Faults(ctx context.Context) (Faults, error) {
	var f Faults
	_, err := c.do(ctx, call{
		method: http.MethodGet, path: "/faults", admin: true, part: ofFaults, want: http.StatusOK, list: true, into: &f,
	})
	return f, err
}

// SetFaults sets the fault plan. All replicas apply it within 2 s. The presets are
// fault.Off and fault.Default. Errors: ErrAdmin, *fault.PlanError.
func (c *Client) SetFaults(ctx context.Context, p fault.Plan) (Faults, error) {
	var f Faults
	_, err := c.do(ctx, call{
		method: http.MethodPut, path: "/faults", admin: true, part: ofFaults, want: http.StatusOK, list: true, into: &f, body: p,
	})
	return f, err
}

// Health returns nil if the server is running.
func (c *Client) Health(ctx context.Context) error {
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/health", want: http.StatusOK})
	return err
}

// Ready returns nil if the server can sell. Errors: sale.ErrUnavailable,
// sale.ErrStopping, ErrNotReady.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.do(ctx, call{method: http.MethodGet, path: "/ready", want: http.StatusOK})
	return err
}
