package sqlite

import (
	"context"

	driver "modernc.org/sqlite"
)

// Tamper runs a statement on the writing connection, outside a transaction.
func (s *Store) Tamper(ctx context.Context, query string) error {
	return s.onWriter(ctx, func() error {
		_, err := s.writer.conn.ExecContext(ctx, query)
		return err
	})
}

// OnCommit makes the writing connection call hook in the midst of every COMMIT;
// nil for none.
func (s *Store) OnCommit(ctx context.Context, hook func()) error {
	return s.onWriter(ctx, func() error {
		return s.writer.conn.Raw(func(conn any) error {
			if hook == nil {
				conn.(driver.HookRegisterer).RegisterCommitHook(nil)
				return nil
			}
			conn.(driver.HookRegisterer).RegisterCommitHook(func() int32 {
				hook()
				return 0 // go on with the commit
			})
			return nil
		})
	})
}

func (s *Store) onWriter(ctx context.Context, do func() error) error {
	if err := s.writer.acquire(ctx); err != nil {
		return err
	}
	defer s.writer.release()
	if err := s.writer.connect(ctx); err != nil {
		return err
	}
	return do()
}
