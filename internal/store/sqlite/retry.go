package sqlite

import (
	"context"
	"errors"
	"time"

	"onsale/internal/sale"
)

const (
	// retryLimit bounds the retries while other processes set up the same file.
	retryLimit = 10 * time.Second
	// retryPause is the pause between two attempts.
	retryPause = 20 * time.Millisecond
)

// retry calls do until it succeeds, fails with an error other than a conflict, or
// retryLimit has passed. It is for work that each process does once, at its start. A
// sale that conflicts with another writer is retried by its caller instead.
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
