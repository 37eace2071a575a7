package postgres

import (
	"fmt"
	"regexp"
	"strings"
)

// limits are the time limits that the server keeps for this program.
type limits struct {
	// session sets them for a session, as an SQL expression without parameters.
	session string
	// transaction sets them until the end of the transaction, as a statement
	// without parameters.
	transaction string
	// idleInTransaction is one of them, in PostgreSQL's notation.
	idleInTransaction string
}

// limitsOf takes the time limits out of the startup parameters, because a pooler
// refuses them there. What the URL says, as a parameter or in options, is used in
// place of the default. An error names the limit whose value is no time.
func limitsOf(params map[string]string) (limits, error) {
	var l limits
	var session, transaction []string
	for _, limit := range []struct {
		name, value string
		// perTransaction is false for what concerns the connection to the client: behind
		// a pooler that is the pooler's.
		perTransaction bool
	}{
		{"lock_timeout", milliseconds(lockTimeout), true},
		{"statement_timeout", milliseconds(statementTimeout), true},
		{"idle_in_transaction_session_timeout", milliseconds(idleInTxTimeout), true},
		{"tcp_user_timeout", milliseconds(tcpUserTimeout), false},
	} {
		value := limit.value
		if set, ok := takeOption(params, limit.name); ok {
			value = set
		}
		if set, ok := params[limit.name]; ok { // beats options, as in PostgreSQL
			value = set
			delete(params, limit.name)
		}
		if !isTime.MatchString(value) {
			return l, fmt.Errorf("%s must be milliseconds or a time such as 5s, not %q", limit.name, value)
		}
		session = append(session, setting(limit.name, value, false))
		if limit.perTransaction {
			transaction = append(transaction, setting(limit.name, value, true))
		}
		if limit.name == "idle_in_transaction_session_timeout" {
			l.idleInTransaction = value
		}
	}
	l.session = "concat(" + strings.Join(session, ", ") + ")"
	l.transaction = "SELECT " + strings.Join(transaction, ", ")
	return l, nil
}

// isTime matches PostgreSQL's notation of a time, and nothing that an SQL literal
// would have to escape.
var isTime = regexp.MustCompile(`^ *[0-9]+(\.[0-9]+)? *(us|ms|s|min|h|d)? *$`)

func setting(name, value string, local bool) string {
	return fmt.Sprintf("set_config('%s', '%s', %t)", name, value, local)
}

// takeOption removes a setting from the command-line options of the server, as
// "-c NAME=VALUE" or "--NAME=VALUE", and returns its last value.
func takeOption(params map[string]string, name string) (value string, found bool) {
	option := regexp.MustCompile(`(?:^|\s)(?:-c\s*|--)` + strings.ReplaceAll(name, "_", "[-_]") + `=(\S*)`)
	options := params["options"]
	for _, match := range option.FindAllStringSubmatch(options, -1) {
		value, found = match[1], true
	}
	if options = option.ReplaceAllString(options, ""); strings.TrimSpace(options) == "" {
		delete(params, "options")
	} else {
		params["options"] = options
	}
	return value, found
}
