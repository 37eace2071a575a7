package postgres

import (
	"fmt"
	"strings"

	"onsale/internal/store/transport"
)

// limits are the time limits that the server enforces for this program's sessions.
// They come with the settings that the driver needs to read and write values.
type limits struct {
	// session is an SQL expression without parameters that sets the limits for a
	// session.
	session string
	// transaction is a statement without parameters that sets the limits until the
	// end of the transaction.
	transaction string
	// idleInTransaction is idle_in_transaction_session_timeout, in PostgreSQL's
	// notation.
	idleInTransaction string
}

// takeLimits removes the limits from the startup parameters and returns them. A
// limit in the URL overrides the default.
func takeLimits(params map[string]string) (l limits, err error) {
	var session, transaction []string
	take := func(name, byDefault string) (value string) {
		if err == nil {
			value, err = transport.TakeLimit(params, name, byDefault)
		}
		session = append(session, set(name, value, false))
		transaction = append(transaction, set(name, value, true))
		return value
	}
	take("lock_timeout", milliseconds(lockTimeout))
	take("statement_timeout", milliseconds(statementTimeout))
	l.idleInTransaction = take("idle_in_transaction_session_timeout", milliseconds(idleInTxTimeout))
	// Behind a pooler values arrive as text, and the driver reads only these formats.
	transaction = append(transaction, set("intervalstyle", "postgres", true), set("bytea_output", "hex", true))
	l.transaction = "SELECT " + strings.Join(transaction, ", ")
	// This one is a setting of the connection, and behind a pooler that connection is
	// the pooler's.
	take("tcp_user_timeout", milliseconds(tcpUserTimeout))
	session = append(session, set("standard_conforming_strings", "on", false)) // the driver's quoting relies on it
	l.session = "concat(" + strings.Join(session, ", ") + ")"
	return l, err
}

func set(name, value string, local bool) string {
	return fmt.Sprintf("set_config('%s', '%s', %t)", name, value, local)
}
