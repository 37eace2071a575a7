package postgres_test

import (
	"strings"
	"testing"

	"onsale/internal/pgtest"
	"onsale/internal/store/postgres"
)

// TestDefaultsOfTheDatabase calls every method on a database whose default formats are
// not the ones that the driver reads.
func TestDefaultsOfTheDatabase(t *testing.T) {
	t.Parallel()
	direct := func(url string) string { return url }
	session := server.Server(t).Pooler(t, pgtest.Session, "default_pool_size = 30").URL
	transaction := server.Server(t).Pooler(t, pgtest.Transaction).URL
	formats := []string{
		`client_encoding = 'LATIN1'`, `datestyle = 'German, DMY'`, `timezone = 'Asia/Kolkata'`,
		`intervalstyle = 'iso_8601'`, `bytea_output = 'escape'`, `extra_float_digits = -15`,
	}
	all := append([]string{`standard_conforming_strings = off`, `backslash_quote = on`, `escape_string_warning = on`}, formats...)
	for name, c := range map[string]struct {
		way      func(url string) string
		settings string
		defaults []string
	}{
		"direct":                         {direct, "", all},
		"direct, exec":                   {direct, "&default_query_exec_mode=exec", formats},
		"direct, the URL has another":    {direct, "&DateStyle=German", nil},
		"session":                        {session, "", formats},
		"transaction":                    {transaction, "", formats},
		"transaction, simple protocol":   {transaction, "&default_query_exec_mode=simple_protocol", formats},
		"transaction, other limits":      {transaction, "&lock_timeout=3s", formats},
		"transaction, named by the URL":  {transaction, "&pgbouncer=true", formats},
		"transaction, URL has a default": {transaction, "&DateStyle=German&client_encoding=utf-8", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := server.Database(t)
			for _, setting := range c.defaults {
				exec(t, database, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET `+strings.ReplaceAll(setting, `'`, `''`)+`', current_database()); END $$`)
			}
			url := c.way(database) + c.settings
			callEverything(t, open(t, url, postgres.Options{}), open(t, url, postgres.Options{}))
		})
	}
}
