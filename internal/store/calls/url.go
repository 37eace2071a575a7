package calls

import (
	"log/slog"

	"github.com/jackc/pgx/v5"

	"onsale/internal/store/conninfo"
)

// statementTimeout makes the server give up before the client does, so that no
// statement goes on behind its back.
const statementTimeout = "4s"

// parseURL reads a connection URL, and logs once which of its settings are ignored. Its
// errors show no part of the URL that may be secret.
func parseURL(text string, log *slog.Logger) (*pgx.ConnConfig, error) {
	pool, ignored, err := conninfo.Parse(text)
	if err != nil {
		return nil, err
	}
	conninfo.LogIgnored(log, ignored)
	config := pool.ConnConfig
	for name, value := range map[string]string{"application_name": "onsale automate", "statement_timeout": statementTimeout} {
		if _, set := config.RuntimeParams[name]; !set {
			config.RuntimeParams[name] = value
		}
	}
	return config, nil
}
