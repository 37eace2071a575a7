package postgres

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/sale"
	"onsale/internal/store/grant"
	"onsale/internal/store/transport"
)

// privileges are those that a role needs to serve. Migrations also need
// grant.Need.Create.
var privileges = map[string]string{
	"concerts":          "SELECT, INSERT, UPDATE",
	"purchases":         "SELECT, INSERT, UPDATE",
	"audits":            "SELECT, INSERT, UPDATE",
	"faults":            "SELECT, INSERT, UPDATE",
	"replicas":          "SELECT, INSERT, UPDATE, DELETE",
	"items":             "SELECT, INSERT, DELETE",
	"token_keys":        "SELECT, INSERT",
	"schema_migrations": "SELECT",
}

// Reasons why nobody can buy. They are shown to everybody, so they contain no
// internals.
const (
	reasonReadOnly = "the database is read-only"
	reasonDenied   = "the database role of this server lacks a privilege"
	reasonSchema   = "the database lacks a table or column that this server needs"
	reasonLogin    = "the database rejects the login of this server"
	reasonClosed   = "the database accepts no connections"
	reasonFull     = "the database has no connection left for this server"
	reasonStarting = "the database is starting up or shutting down"
	reasonEnded    = "the database closed the connection"
	reasonDisk     = "the database has no disk space left"
	reasonMemory   = "the database has no memory left"
	reasonStorage  = "the database cannot write to its storage"
	reasonSlow     = "the database takes too long to write"
	reasonLocked   = "another session holds a lock on a table of the sale"
	reasonRefusal  = "the database rejects purchases"
	reasonPooling  = "the pooler in front of the database allows no transactions"
)

// obstacleOf returns the obstacle for an error of the server, or nil if the error is
// not an obstacle. The codes are from PostgreSQL's appendix A.
func obstacleOf(err error) *sale.ObstacleError {
	if errors.Is(err, pgconn.ErrReadOnlyConnection) || errors.Is(err, pgconn.ErrStandbyConnection) {
		return &sale.ObstacleError{
			Reason: reasonReadOnly, Err: transport.OneLine(err),
			Remedy: "DATABASE_URL must name a server that accepts writes",
		}
	}
	if errors.Is(err, pgconn.ErrReadWriteConnection) || errors.Is(err, pgconn.ErrPrimaryConnection) {
		return &sale.ObstacleError{
			Reason: reasonClosed, Err: transport.OneLine(err),
			Remedy: "target_session_attrs in DATABASE_URL must not request a read-only server",
		}
	}
	server, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return nil
	}
	connecting, isConnecting := errors.AsType[*pgconn.ConnectError](err)
	o := obstacleOfCode(server.Code)
	if pooler := obstacleOfPooler(server); pooler != nil {
		o = pooler
	}
	if o == nil || o.Reason == reasonClosed && !isConnecting {
		return nil
	}
	o.Err = transport.OneLine(err)
	if isConnecting && o.Reason == reasonDenied {
		o.Remedy = "as the owner or a superuser, run: GRANT CONNECT ON DATABASE " +
			identifier(connecting.Config.Database) + " TO " + identifier(connecting.Config.User)
	}
	return o
}

// identifier returns a name for use in a statement. Like the server's quote_ident it
// quotes only where necessary, because a log escapes quotes.
func identifier(name string) string {
	if plain.MatchString(name) && name != "user" && name != "all" && name != "default" {
		return name
	}
	return pgx.Identifier{name}.Sanitize()
}

var plain = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// obstacleOfPooler returns the obstacle for an error of PgBouncer, or nil for any
// other error. PgBouncer has one code for all its errors, so the message decides.
func obstacleOfPooler(err *pgconn.PgError) *sale.ObstacleError {
	if err.Code != "08P01" { // protocol_violation
		return nil
	}
	switch message := err.Message; {
	case strings.Contains(message, "no more connections allowed"):
		return &sale.ObstacleError{Reason: reasonFull, Remedy: "raise the pooler's max_client_conn, or " + fewerConnections}
	case transport.PoolerRefusesLogin(err):
		return &sale.ObstacleError{Reason: reasonLogin, Lasting: true}
	case strings.Contains(message, "statement pooling mode"):
		return &sale.ObstacleError{Reason: reasonPooling, Remedy: "set the pooler's pool_mode to transaction or session", Lasting: true}
	}
	return nil
}

// fewerConnections is a remedy if the database has no connection left.
const fewerConnections = "give each replica fewer connections (--database-connections)"

func obstacleOfCode(code string) *sale.ObstacleError {
	switch code {
	case "25006": // read_only_sql_transaction
		return &sale.ObstacleError{
			Reason: reasonReadOnly,
			Remedy: "DATABASE_URL must name the primary, and default_transaction_read_only must be off",
		}
	case "42501": // insufficient_privilege
		return &sale.ObstacleError{Reason: reasonDenied, Lasting: true}
	case "42P01", "3F000", "42703": // undefined table, schema or column
		return &sale.ObstacleError{Reason: reasonSchema, Remedy: "run `onsale migrate`, or restore what was dropped or renamed"}
	case "28000", "28P01": // invalid authorization specification, or password
		return &sale.ObstacleError{Reason: reasonLogin, Lasting: true}
	case "55000": // object_not_in_prerequisite_state: ALLOW_CONNECTIONS false
		return &sale.ObstacleError{Reason: reasonClosed, Lasting: true}
	case "53300": // too_many_connections: of the server, the database or the role
		return &sale.ObstacleError{
			Reason: reasonFull,
			Remedy: "raise the limit named in the error, or " + fewerConnections,
		}
	case "57P03": // cannot_connect_now
		return &sale.ObstacleError{Reason: reasonStarting}
	case "57P01", "57P02", "57P05", "25P03": // admin_shutdown, crash_shutdown, idle sessions
		return &sale.ObstacleError{Reason: reasonEnded}
	case "53100": // disk_full
		return &sale.ObstacleError{Reason: reasonDisk}
	case "53200": // out_of_memory
		return &sale.ObstacleError{Reason: reasonMemory}
	}
	switch code[:min(2, len(code))] {
	case "08": // connection exception: a pooler that cannot connect to its server
		return &sale.ObstacleError{Reason: reasonClosed}
	case "53", "58": // resources, system error
		return &sale.ObstacleError{Reason: reasonStorage}
	}
	return nil
}

// explain returns the error of a failed trial as an obstacle. It queries the server
// for the remedy on the same connection, which must not be in a transaction.
func explain(ctx context.Context, conn *pgx.Conn, err error) *sale.ObstacleError {
	o := obstacleOf(err)
	if o == nil {
		o = &sale.ObstacleError{Reason: reasonRefusal, Err: transport.OneLine(err)}
	}
	var remedy string
	switch o.Reason {
	case reasonReadOnly:
		// A failure leaves the remedy as it is: the connection is lost.
		_ = conn.QueryRow(ctx, whyReadOnly, pgx.QueryExecModeSimpleProtocol).Scan(&remedy)
	case reasonDenied:
		remedy = grant.Advice(ctx, conn, grant.Need{Tables: privileges})
	}
	if remedy != "" {
		o.Remedy = remedy
	}
	return o
}

// withGrant adds the GRANT that helps if the error of a call on the connection is a
// missing privilege. It returns any other error as it is.
func withGrant(ctx context.Context, conn *pgx.Conn, err error) error {
	if denied(err) && conn.PgConn().TxStatus() == 'I' {
		return explain(ctx, conn, err)
	}
	return err
}

// whyReadOnly selects why a session cannot write, and the remedy.
const whyReadOnly = `SELECT CASE
	WHEN pg_is_in_recovery() THEN 'the server is a standby: DATABASE_URL must name the primary, or the standby must be promoted'
	WHEN current_setting('default_transaction_read_only') = 'on' THEN format(
		'default_transaction_read_only is on: turn it off with ALTER DATABASE %I, with ALTER ROLE %I or in postgresql.conf, wherever it is set',
		current_database(), current_user)
	ELSE '' END`
