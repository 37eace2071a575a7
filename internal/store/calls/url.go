package calls

import (
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"

	"onsale/internal/store/conninfo"
	"onsale/internal/store/transport"
)

// statementTimeout is shorter than attemptLimit, so that the server ends a statement
// before the client abandons it.
const statementTimeout = "4s"

// parseURL parses a connection URL, and logs once which of its settings are ignored.
// Its errors show no part of the URL that can be secret.
func parseURL(text string, log *slog.Logger) (*pgx.ConnConfig, error) {
	pool, ignored, err := conninfo.Parse(text)
	if err != nil {
		return nil, err
	}
	conninfo.LogIgnored(log, ignored)
	config := pool.ConnConfig
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "onsale automate"
	}
	if !strings.Contains(config.ConnString(), "default_query_exec_mode=") {
		config.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler can give each statement another session
	}
	transport.TakePooler(config.RuntimeParams)
	return config, nil
}
