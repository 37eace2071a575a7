package sqlite

import (
	"context"
	"errors"
	"time"

	"onsale/internal/sale"
)

const (
	// retryLimit is how long setting up a file goes on while other processes
	// are at the same.
	retryLimit = 10 * time.Second
	// retryPause is the pause between two tries.
	retryPause = 20 * time.Millisecond
)

// retry does something that several processes may do at once, until it
// succeeds, fails for another reason than their being in the way, or was tried
// long enough. It serves what happens once in a process's life; a sale that
// meets another writer is run again by whoever asked for it.
func retry(ctx context.Context, do func() error) error {
	limited, cancel := context.WithTimeout(ctx, retryLimit)
	defer cancel()
	ticker := time.NewTicker(retryPause)
	defer ticker.Stop()
	for {
		err := do()
		if !errors.Is(err, sale.ErrConflict) && !errors.Is(kindOf(err), sale.ErrConflict) {
			return err
		}
		select {
		case <-limited.Done():
			return errors.Join(err, ctx.Err())
		case <-ticker.C:
		}
	}
}
