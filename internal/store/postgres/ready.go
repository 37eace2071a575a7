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
	// trialLockTimeout is how long a trial waits for a lock on a table. Buyers wait
	// longer than that, and a trial must not queue up before them.
	trialLockTimeout = 100 * time.Millisecond
	// lockedLimit is how long the tables may be locked before purchases are turned
	// away at once: those that come later than that fail anyway.
	lockedLimit = 5 * time.Second
	// trialRows is how many purchases a trial inserts after the storage has failed:
	// the greatest batch by default. One may fit where a batch does not.
	trialRows = 256
)

// emptyTrial does what a purchase does, to no row. The server checks privileges,
// columns and whether it may write at all. Sent as one message, the statements are
// one transaction, and one that has changed nothing is not flushed to disk.
var emptyTrial = setTrialLimit + `
	SELECT id, capacity, sold FROM onsale.concerts WHERE false ORDER BY id FOR UPDATE;
	SELECT ` + columns + ` FROM onsale.purchases WHERE false;
	INSERT INTO onsale.purchases (id, concert_id, user_email, quantity, idempotency_key, created_at)
		SELECT NULL::uuid, 0, '', 0, NULL, NULL::timestamptz WHERE false;
	UPDATE onsale.concerts SET sold = sold + 0 WHERE false`

var setTrialLimit = `SELECT set_config('lock_timeout', '` + milliseconds(trialLockTimeout) + `', true);`

// fullTrial inserts purchases and rolls them back. A concert that a sale holds is
// passed over, and without a concert there is nothing to try.
func fullTrial(rows int32) string {
	return `BEGIN; ` + setTrialLimit + `
	UPDATE onsale.concerts SET sold = sold WHERE id = (SELECT id FROM onsale.concerts ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED);
	INSERT INTO onsale.purchases (id, concert_id, user_email, quantity, idempotency_key, created_at)
		SELECT md5(random()::text || n)::uuid, c.id, 'trial@example.com', 1, NULL, now()
		FROM generate_series(1, ` + strconv.Itoa(int(rows)) + `) n, (SELECT id FROM onsale.concerts ORDER BY id LIMIT 1) c;
	ROLLBACK`
}

// trials is what trials remember of each other.
type trials struct {
	// doubt is how many rows the next trial inserts. It is 0 as long as no sale has
	// failed in a way that a trial on no row may not notice, such as a full disk.
	doubt atomic.Int32

	mu sync.Mutex
	// spoilt says that a trial failed on a session, whose settings may be outdated.
	spoilt bool
	// lockedAt is when trials began to find the tables locked; zero if they do not.
	lockedAt time.Time
}

// note takes notice of a sale that failed.
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

// TryWrite implements [sale.Ledger]. A sale with a key reads on a general
// connection before it sells, so that one of those must be to be had as well.
//
// A connection that was ended says nothing about the next one, and is replaced.
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

// noConnection judges the error of a trial that got no connection. That they are
// all in use shows that there are some: what becomes of the sales on them will tell.
//
// A pooler in session mode lets a client wait that it has no session for, and then the
// limit of connecting may end the wait before that of the trial does.
func noConnection(ctx context.Context, op string, p *pool, err error) error {
	switch slow := errors.Is(ctx.Err(), context.DeadlineExceeded) || pgconn.Timeout(err); {
	case slow && p.now().Stat().AcquiredConns() > 0:
		return nil
	case slow:
		return fmt.Errorf("%s: %w", op, &sale.ObstacleError{
			Reason: reasonFull, Err: transport.OneLine(err),
			Remedy: "no connection was established in time: raise the limit of the server or of the pooler, or " + fewerConnections,
		})
	}
	return classify(ctx, op+": connect", err)
}

// try does what a purchase does, and leaves nothing behind.
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
		err = nil // it is the row of the trial that is refused, and not those of buyers
	}
	if err == nil {
		s.trials.doubt.CompareAndSwap(rows, 0)
	}
	return err
}

// refusesRow reports whether the code says that the data of a row is at fault. A
// column that must be given and is not known here is missing in every row.
func refusesRow(code string) bool {
	return errors.Is(kindOfCode(code), sale.ErrRefused) && code != "23502" // not_null_violation
}

// judge returns what is in the way of purchases after a trial, or nil. A session
// that the trial failed on is closed: it may have settings from before a change.
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

// freshen replaces all connections after a trial that succeeds where the last one
// failed.
func (s *Store) freshen(ctx context.Context) error {
	s.trials.mu.Lock()
	defer s.trials.mu.Unlock()
	if !s.trials.spoilt {
		return nil
	}
	s.trials.spoilt = false
	return errors.Join(s.selling.renew(ctx), s.general.renew(ctx))
}

// refusesLogin reports whether an attempt to connect failed because the server does
// not let this role in, or no more of it. Such a server gives a sign of life.
// One of several hosts that does not answer may be the one that sells.
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
