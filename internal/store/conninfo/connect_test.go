package conninfo_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/store/conninfo"
)

// connects opens a connection with a connection string, and compares the result of a
// query.
func connects(t *testing.T, text, want, query string) {
	t.Helper()
	config, _, err := conninfo.Parse(text)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	var got string
	if err := connect(t, config, query, &got); err != nil || got != want {
		t.Errorf("%s: %s returns %q, %v, want %q", text, query, got, err, want)
	}
}

func connect(t *testing.T, config *pgxpool.Config, query string, answer *string) error {
	t.Helper()
	conn, err := pgx.ConnectConfig(t.Context(), config.ConnConfig)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if answer == nil {
		answer = new(string)
	}
	return conn.QueryRow(t.Context(), query).Scan(answer)
}
