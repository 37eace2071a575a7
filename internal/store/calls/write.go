package calls

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"onsale/internal/store/grant"
	"onsale/internal/store/transport"
)

const (
	// maxBatch is the maximum number of calls in one batch.
	maxBatch = 500
	// batchTime is how long the first call of a batch waits for others.
	batchTime = 200 * time.Millisecond
	// attemptLimit bounds an attempt to connect and write.
	attemptLimit = 5 * time.Second
	// hangUpLimit bounds the closing of a connection, because the database can be
	// unreachable.
	hangUpLimit = 500 * time.Millisecond
	// minPause and maxPause bound the pause before a retry. It doubles with each retry.
	minPause, maxPause = 100 * time.Millisecond, 2 * time.Second
)

var (
	//go:embed table.sql
	makeTable string
	//go:embed insert.sql
	insertCalls string
)

// write writes batches until there are no more calls, or the context ends.
func (r *Recorder) write(ctx context.Context) {
	for {
		batch := r.next()
		if len(batch) == 0 {
			return
		}
		r.insist(ctx, batch)
	}
}

// next waits for a call, and up to batchTime for more. It returns nil when the buffer is
// closed and empty.
func (r *Recorder) next() []row {
	first, ok := <-r.rows
	if !ok {
		return nil
	}
	batch := []row{first}
	timer := time.NewTimer(batchTime)
	defer timer.Stop()
	for len(batch) < maxBatch {
		select {
		case more, ok := <-r.rows:
			if !ok {
				return batch
			}
			batch = append(batch, more)
		case <-timer.C:
			return batch
		}
	}
	return batch
}

// insist writes a batch, and retries until it succeeds. The calls are lost if the
// database rejects them or the context ends.
func (r *Recorder) insist(ctx context.Context, batch []row) {
	pause, away := minPause, error(nil)
	for {
		err := r.attempt(ctx, batch)
		switch {
		case err == nil:
			r.written.Add(int64(len(batch)))
			if away != nil {
				r.log.Info("calls are recorded again")
			}
			return
		case ctx.Err() != nil && away != nil:
			r.lose(len(batch), away) // says more than the context's error
			return
		case ctx.Err() != nil || malformed(err):
			r.lose(len(batch), transport.OneLine(err))
			return
		case away == nil:
			r.log.Warn("cannot record calls, retrying", "error", transport.OneLine(err))
		}
		away = transport.OneLine(err)
		select {
		case <-time.After(pause - rand.N(pause/2)):
		case <-ctx.Done():
		}
		pause = min(2*pause, maxPause)
	}
}

// attempt connects and creates the table if necessary, and writes a batch. After an
// error it closes the connection.
func (r *Recorder) attempt(ctx context.Context, batch []row) (err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	defer func() {
		if err != nil {
			r.hangUp(ctx)
		}
	}()
	if r.conn == nil {
		if r.conn, err = pgx.ConnectConfig(ctx, r.config); err != nil {
			return err
		}
	}
	if !r.ready {
		if err := r.prepare(ctx); err != nil {
			return err
		}
		r.ready = true
	}
	if len(batch) == 0 {
		return nil
	}
	return r.insert(ctx, batch)
}

// prepare creates the table if it is missing. Two recorders that create the schema at
// the same time can conflict; the second finds it on a retry.
func (r *Recorder) prepare(ctx context.Context) error {
	for try := 1; ; try++ {
		_, err := r.conn.Exec(ctx, r.limit+";\n"+makeTable) // in one transaction
		switch code := codeOf(err); {
		case code == "42501": // insufficient_privilege
			return r.advise(ctx, err)
		case try > 3, code != "23505" && code != "42P06" && code != "42P07":
			return err
		}
	}
}

// advise adds GRANT statements to the error of a role that lacks a privilege. They
// allow it to write to the table and, if the table is missing, to create it.
func (r *Recorder) advise(ctx context.Context, err error) error {
	var there bool
	failed := r.conn.QueryRow(ctx, lookForTable, pgx.QueryExecModeSimpleProtocol).Scan(&there)
	if failed != nil {
		return err
	}
	need := grant.Need{Tables: map[string]string{"automate_calls": "SELECT, INSERT"}, Create: !there}
	if advice := grant.Advice(ctx, r.conn, need); advice != "" {
		err = fmt.Errorf("%w: %s", err, advice)
	}
	return err
}

// lookForTable queries the catalogue, which every role can read.
const lookForTable = `SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace
	WHERE nspname = 'onsale' AND relname = 'automate_calls')`

// insert writes a batch in one statement. A statement before it, in the same
// transaction, sets the time limit: behind a pooler, a session's limit would not last.
func (r *Recorder) insert(ctx context.Context, batch []row) error {
	n := len(batch)
	var (
		ids              = make([]pgtype.UUID, n)
		times            = make([]time.Time, n)
		users, methods   = make([]string, n), make([]string, n)
		paths, kinds     = make([]string, n), make([]string, n)
		status, attempts = make([]int, n), make([]int, n)
		durations        = make([]float64, n)
	)
	for i, c := range batch {
		ids[i], times[i], users[i], methods[i], paths[i] = pgUUID(c.id), c.Time, c.User, c.Method, c.Path
		status[i], kinds[i], attempts[i] = c.Status, c.Error, c.Attempt
		durations[i] = float64(c.Duration.Microseconds()) / 1000
	}
	var transaction pgx.Batch
	transaction.Queue(r.limit)
	transaction.Queue(insertCalls, pgUUID(r.run), ids, times, users, methods, paths, status, kinds, attempts, durations)
	return r.conn.SendBatch(ctx, &transaction).Close()
}

// pgUUID returns the id in a type that the driver can encode in every statement mode,
// also in lists.
func pgUUID(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// hangUp closes the connection, if there is one.
func (r *Recorder) hangUp(ctx context.Context) {
	if r.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), hangUpLimit)
	defer cancel()
	_ = r.conn.Close(ctx) // fails if the connection is broken
	r.conn, r.ready = nil, false
}

// codeOf returns the SQLSTATE of an error from the database, or "" for another error.
func codeOf(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.Code
	}
	return ""
}

// malformed reports whether the database rejects the data of the calls, so that a retry
// cannot help. The codes are from PostgreSQL's appendix A.
func malformed(err error) bool {
	code := codeOf(err)
	return code != "" && (code[:2] == "22" || code[:2] == "23")
}

// refused reports whether the error is permanent: the database answers, but it rejects
// the login or the statement, or lacks the required TLS.
func refused(err error) bool {
	code := codeOf(err)
	if code == "" {
		return transport.Misconfigured(err)
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); ok && transport.PoolerRefusesLogin(server) {
		return true
	}
	switch code[:2] {
	case "08", "40", "53", "55", "57", "58": // connection, conflict, resources, operator, system
		return false
	}
	return true
}
