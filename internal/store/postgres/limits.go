package postgres

import (
	"fmt"
	"strings"

	"onsale/internal/store/transport"
)

// limits are the time limits that the server keeps for this program. What the driver
// needs to read and to write values is set along with them.
type limits struct {
	// session sets them for a session, as an SQL expression without parameters.
	session string
	// transaction sets them until the end of the transaction, as a statement
	// without parameters.
	transaction string
	// idleInTransaction is one of them, in PostgreSQL's notation.
	idleInTransaction string
}

// takeLimits takes the limits out of the startup parameters. What the URL says
// beats the defaults.
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
	// Behind a pooler values come as text, and the driver reads only these notations.
	transaction = append(transaction, set("intervalstyle", "postgres", true), set("bytea_output", "hex", true))
	l.transaction = "SELECT " + strings.Join(transaction, ", ")
	// This one concerns the connection to the client, which behind a pooler is the
	// pooler's.
	take("tcp_user_timeout", milliseconds(tcpUserTimeout))
	session = append(session, set("standard_conforming_strings", "on", false)) // or the driver cannot quote
	l.session = "concat(" + strings.Join(session, ", ") + ")"
	return l, err
}

func set(name, value string, local bool) string {
	return fmt.Sprintf("set_config('%s', '%s', %t)", name, value, local)
}
