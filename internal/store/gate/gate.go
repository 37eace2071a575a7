// Package gate lets simulated faults delay or reject calls to a database.
package gate

import (
	"context"
	"fmt"

	"onsale/internal/sale"
)

// Pass calls the gate before a call to the database, and waits as long as the gate
// does. If the gate rejects the call, Pass returns a sale.ErrUnavailable, as for an
// unreachable database; nothing was written. If the context ends during the wait,
// Pass returns the gate's error without ErrUnavailable.
func Pass(ctx context.Context, op string, gate func(context.Context) error) error {
	err := gate(ctx)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", op, err)
	}
	return fmt.Errorf("%s: %w: %w", op, sale.ErrUnavailable, err)
}
