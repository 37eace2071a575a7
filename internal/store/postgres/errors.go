package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/sale"
	"onsale/internal/store/transport"
)

// tooSlow is the cancellation cause of a call that exceeds its own limit.
func tooSlow(limit time.Duration) error {
	return fmt.Errorf("%w: no answer within %s", sale.ErrUnavailable, limit)
}

// causeOf returns the context's cause if the call exceeded its own limit, because the
// driver does not return the cause. Otherwise it returns err.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, sale.ErrUnavailable) {
		return cause
	}
	return err
}

// classify wraps an error from before any COMMIT was sent in a sentinel of package
// sale. The codes are from PostgreSQL's appendix A.
func classify(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	if o := obstacleOf(err); o != nil && ctx.Err() == nil && !errors.Is(err, sale.ErrUnavailable) {
		return fmt.Errorf("%s: %w", op, o)
	}
	kind := kindOf(ctx, err)
	err = transport.OneLine(err)
	if kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%s: %w: %w", op, kind, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// classifyCommit is classify for statements that were sent together with COMMIT.
// Only an ordinary error of the server proves that the transaction was rolled back.
// pgconn.SafeToRetry does not prove it: it is also true for a connection that the
// driver finds closed while it reads the answer.
func classifyCommit(ctx context.Context, op string, err error) error {
	if err == nil {
		return nil
	}
	var server *pgconn.PgError
	if errors.As(err, &server) && server.SeverityUnlocalized == "ERROR" {
		return classify(ctx, op, err)
	}
	if errors.Is(err, sale.ErrUnavailable) { // not wrapped: it would claim that nothing was written
		return fmt.Errorf("%s: %w: %v", op, sale.ErrOutcomeUnknown, err) //nolint:errorlint // see above
	}
	return fmt.Errorf("%s: %w: %w", op, sale.ErrOutcomeUnknown, transport.OneLine(err))
}

// kindOf returns the sentinel of package sale for the error, or nil if there is none.
// A deadline that is not the context's is the driver's own: the database did not
// answer.
func kindOf(ctx context.Context, err error) error {
	var server *pgconn.PgError
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, pgx.ErrNoRows):
		return sale.ErrNotFound
	case errors.As(err, &server):
		return kindOfCode(server.Code)
	case lostConnection(err) && !transport.Misconfigured(err):
		return sale.ErrUnavailable
	}
	return nil
}

// lostConnection reports whether the error concerns the connection and not the
// statement.
func lostConnection(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, sale.ErrUnavailable)
}

func kindOfCode(code string) error {
	switch code {
	case "40001", // serialization_failure
		"40P01", // deadlock_detected
		"55P03", // lock_not_available: lock_timeout
		"23505": // unique_violation: another transaction wrote the same id or key
		return sale.ErrConflict
	case "57014", // query_canceled: statement_timeout
		"25006",          // read_only_sql_transaction: a primary that has become a standby
		"25P03",          // idle_in_transaction_session_timeout
		"42P01", "3F000": // undefined table or schema: not migrated yet
		return sale.ErrUnavailable
	case "3D000": // invalid_catalog_name
		return nil
	}
	switch class := code[:min(2, len(code))]; class {
	case "22", "23": // data exception, integrity constraint violation
		return sale.ErrRefused
	case "08", "53", "57", "58": // connection, resources, operator intervention, system error
		return sale.ErrUnavailable
	}
	return nil
}
