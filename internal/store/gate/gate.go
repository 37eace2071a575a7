// Package gate stands before the calls to a database that simulated troubles
// may slow down or refuse.
package gate

import (
	"context"
	"fmt"

	"onsale/internal/sale"
)

// Pass asks whether a call is let through, and waits for that as long as the
// gate does. A refusal is a sale.ErrUnavailable, as of a database that is away;
// nothing was written. A wait that the context ended is the context's error
// alone.
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
