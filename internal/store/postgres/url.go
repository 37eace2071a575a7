package postgres

import (
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/store/conninfo"
)

// parseURL parses a connection URL, and logs once which of its settings are ignored.
// Its errors show no part of the URL that can be secret.
func parseURL(text string, log *slog.Logger) (*pgxpool.Config, error) {
	config, ignored, err := conninfo.Parse(text)
	if err != nil {
		return nil, err
	}
	conninfo.LogIgnored(log, ignored)
	return config, nil
}
