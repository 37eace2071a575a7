package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/sale"
	"onsale/internal/store/transport"
)

const (
	// trialLockTimeout is how long a trial waits for a lock on a table. It is shorter
	// than the wait of buyers, so that a trial never blocks them for long.
	trialLockTimeout = 100 * time.Millisecond
	// lockedLimit is how long the tables can be locked before the server rejects
	// purchases at once. After that long they would fail anyway.
	lockedLimit = 5 * time.Second
	// trialRows is how many purchases a trial inserts after the storage has failed: the
	// default size limit of a batch. A single row can fit where a batch does not.
	trialRows = 256
)

// emptyTrial runs the statements of a purchase on no rows. The server checks
// privileges, columns and whether it can write at all. The statements are sent as one
// message and so are one transaction. It changes nothing and is not flushed to disk.
var emptyTrial = setTrialLimit + `
	SELECT id, capacity, sold FROM onsale.concerts WHERE false ORDER BY id FOR UPDATE;
	SELECT ` + columns + ` FROM onsale.purchases WHERE false;
	INSERT INTO onsale.purchases (id, concert_id, user_email, quantity, idempotency_key, created_at)
		SELECT NULL::uuid, 0, '', 0, NULL, NULL::timestamptz WHERE false;
	UPDATE onsale.concerts SET sold = sold + 0 WHERE false`

var setTrialLimit = `SELECT set_config('lock_timeout', '` + milliseconds(trialLockTimeout) + `', true);`

// fullTrial inserts purchases and rolls them back. It skips a concert that a sale has
// locked, and does nothing without a concert.
func fullTrial(rows int32) string {
	return `BEGIN; ` + setTrialLimit + `
	UPDATE onsale.concerts SET sold = sold WHERE id = (SELECT id FROM onsale.concerts ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
	INSERT INTO onsale.purchases (id, concert_id, user_email, quantity, idempotency_key, created_at)
		SELECT md5(random()::text || n)::uuid, c.id, 'trial@example.com', 1, NULL, now()
		FROM generate_series(1, ` + strconv.Itoa(int(rows)) + `) n, (SELECT id FROM onsale.concerts ORDER BY id LIMIT 1) c;
	ROLLBACK`
}

// trials is the state that one trial leaves for the next.
type trials struct {
	// doubt is how many rows the next trial inserts. It is above 0 after a sale failed
	// in a way that a trial on no rows can miss, such as a full disk.
	doubt atomic.Int32

	mu sync.Mutex
	// spoilt is set after a trial failed: the settings of open sessions can be outdated.
	spoilt bool
	// lockedAt is when trials first found the tables locked; zero if they are not.
	lockedAt time.Time
}

// note records the error of a sale, if any.
func (t *trials) note(err error) {
	server, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok, errors.Is(kindOfCode(server.Code), sale.ErrConflict), len(server.Code) < 2:
		return
	case server.Code[:2] == "53", server.Code[:2] == "58", server.Code[:2] == "XX": // resources, system, internal
		t.doubt.Store(trialRows)
	default:
		t.doubt.CompareAndSwap(0, 1)
	}
}

// TryWrite implements [sale.Ledger]. It needs a general connection too, because a sale
// with a key reads on one before it sells.
//
// A connection that the server closed is replaced: the next one can work.
func (s *Store) TryWrite(ctx context.Context) error {
	const op = "try to sell"
	if stat := s.general.now().Stat(); stat.AcquiredConns()+stat.IdleConns() == 0 {
		conn, err := s.general.Acquire(ctx)
		if err != nil {
			return noConnection(ctx, op, s.general, err)
		}
		conn.Release()
	}
	for spare := sellConns; ; spare-- {
		conn, err := s.selling.Acquire(ctx)
		if err != nil {
			return noConnection(ctx, op, s.selling, err)
		}
		err = s.try(ctx, conn.Conn())
		ended := conn.Conn().IsClosed() && ctx.Err() == nil && spare > 0
		var obstacle *sale.ObstacleError
		if !ended {
			obstacle = s.trials.judge(ctx, conn.Conn(), err)
		}
		conn.Release() // closes a connection that is still in a transaction
		switch {
		case ended:
			continue
		case obstacle != nil:
			return fmt.Errorf("%s: %w", op, obstacle)
		}
		return s.freshen(ctx)
	}
}

// noConnection judges the error of a trial that got no connection. If connections
// exist and are all in use, it returns nil: the sales on them will show whether the
// database works.
//
// A pooler in session mode makes a client wait while it has no free session. The
// connect timeout can end that wait before the limit of the trial does.
func noConnection(ctx context.Context, op string, p *pool, err error) error {
	switch slow := errors.Is(ctx.Err(), context.DeadlineExceeded) || pgconn.Timeout(err); {
	case slow && p.now().Stat().AcquiredConns() > 0:
		return nil
	case slow:
		return fmt.Errorf("%s: %w", op, &sale.ObstacleError{
			Reason: reasonFull, Err: transport.OneLine(err),
			Remedy: "no connection was made in time: raise the connection limit of the server or the pooler, or " + fewerConnections,
		})
	}
	return classify(ctx, op+": connect", err)
}

// try runs the statements of a purchase without storing anything.
func (s *Store) try(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.PgConn().Exec(ctx, emptyTrial).ReadAll(); err != nil {
		return err
	}
	rows := s.trials.doubt.Load()
	if rows == 0 {
		return nil
	}
	_, err := conn.PgConn().Exec(ctx, fullTrial(rows)).ReadAll()
	rollback(ctx, conn)
	if server, ok := errors.AsType[*pgconn.PgError](err); ok && refusesRow(server.Code) {
		err = nil // the server rejects the trial's row, not the rows of buyers
	}
	if err == nil {
		s.trials.doubt.CompareAndSwap(rows, 0)
	}
	return err
}

// refusesRow reports whether the code blames the data of one row. A missing value for
// a NOT NULL column does not count: a column unknown to this program is missing in
// every row.
func refusesRow(code string) bool {
	return errors.Is(kindOfCode(code), sale.ErrRefused) && code != "23502" // not_null_violation
}

// judge returns the obstacle that a trial found, or nil. It closes a session that the
// trial failed on, because the session's settings can be outdated.
func (t *trials) judge(ctx context.Context, conn *pgx.Conn, err error) *sale.ObstacleError {
	t.mu.Lock()
	defer t.mu.Unlock()
	server, answered := errors.AsType[*pgconn.PgError](err)
	if answered && errors.Is(kindOfCode(server.Code), sale.ErrConflict) {
		if t.lockedAt.IsZero() {
			t.lockedAt = time.Now()
		}
		if time.Since(t.lockedAt) < lockedLimit {
			return nil
		}
		return &sale.ObstacleError{Reason: reasonLocked, Err: transport.OneLine(err)}
	}
	t.lockedAt = time.Time{}
	if err == nil {
		return nil
	}
	t.spoilt = true
	obstacle := &sale.ObstacleError{Reason: reasonSlow, Err: transport.OneLine(err)}
	if ctx.Err() == nil {
		obstacle = explain(ctx, conn, err)
	}
	goodbye(context.WithoutCancel(ctx), conn)
	return obstacle
}

// freshen replaces all connections when a trial succeeds after one that failed.
func (s *Store) freshen(ctx context.Context) error {
	s.trials.mu.Lock()
	defer s.trials.mu.Unlock()
	if !s.trials.spoilt {
		return nil
	}
	s.trials.spoilt = false
	return errors.Join(s.selling.renew(ctx), s.general.renew(ctx))
}

// refusesLogin reports whether the server answered, and rejected the login or has no
// connection left for this role. It is false if one of several hosts did not answer,
// because that host can be the one that sells.
func refusesLogin(err error) bool {
	var network net.Error
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || errors.As(err, &network) {
		return false
	}
	switch server.Code {
	case "53300", "28000", "28P01", "42501", "55000":
		return true
	}
	return obstacleOfPooler(server) != nil
}
