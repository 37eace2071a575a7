package sqlite

import (
	"context"
	"io/fs"
	"time"

	driver "modernc.org/sqlite"
)

// Migrations are the embedded migrations.
var Migrations fs.FS = migrations

// SetMigrations replaces the embedded migrations, and sets the time between two log
// lines about a running one.
func (s *Store) SetMigrations(files fs.FS, progress time.Duration) {
	s.files, s.progressInterval = files, progress
}

// WriterPragma reads a setting of the writing connection.
func (s *Store) WriterPragma(ctx context.Context, name string) (value string, err error) {
	err = s.onWriter(ctx, func() error {
		return s.writer.conn.QueryRowContext(ctx, `PRAGMA `+name).Scan(&value)
	})
	return value, err
}

// Reconnect replaces the writing connection, as after a failure.
func (s *Store) Reconnect(ctx context.Context) error {
	return s.onWriter(ctx, func() error {
		s.writer.discard()
		return nil
	})
}

// Tamper runs a statement on the writing connection, outside a transaction.
func (s *Store) Tamper(ctx context.Context, query string) error {
	return s.onWriter(ctx, func() error {
		_, err := s.writer.conn.ExecContext(ctx, query)
		return err
	})
}

// OnCommit makes the writing connection call hook during every COMMIT. Nil removes the
// hook.
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
