package calls_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/store/calls"
)

// TestRecordWithFewPrivileges records as a role that owns nothing. If a privilege is
// missing, Start fails, and its error lists the statements that grant it.
func TestRecordWithFewPrivileges(t *testing.T) {
	t.Parallel()
	const table = `CREATE SCHEMA onsale; CREATE TABLE onsale.automate_calls (id uuid PRIMARY KEY, run_id uuid, time timestamptz, user_id text,
		method text, path text, status integer, error text, attempt integer, duration_ms double precision)`
	for name, c := range map[string]struct{ before, want string }{
		"the schema was made for it": {`CREATE SCHEMA onsale AUTHORIZATION ITS_ROLE`, ""},
		"it can write to the table": {
			table + `; GRANT USAGE ON SCHEMA onsale TO ITS_ROLE; GRANT SELECT, INSERT ON onsale.automate_calls TO ITS_ROLE`, "",
		},
		"there is no schema":           {"", `GRANT CREATE ON DATABASE ITS_DATABASE TO ITS_ROLE`},
		"another role owns the schema": {`CREATE SCHEMA onsale`, `GRANT USAGE, CREATE ON SCHEMA onsale TO ITS_ROLE`},
		"another role owns the table": {
			table, `GRANT USAGE ON SCHEMA onsale TO ITS_ROLE; GRANT SELECT, INSERT ON onsale.automate_calls TO ITS_ROLE`,
		},
		"it can only read the table": {
			table + `; GRANT USAGE ON SCHEMA onsale TO ITS_ROLE; GRANT SELECT ON onsale.automate_calls TO ITS_ROLE`,
			`GRANT INSERT ON onsale.automate_calls TO ITS_ROLE`,
		},
		"it is read-only": {
			`CREATE SCHEMA onsale AUTHORIZATION ITS_ROLE; ALTER ROLE ITS_ROLE SET default_transaction_read_only = on`, "read-only",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := server.Database(t)
			url, role := server.Server(t).Role(t, owner, "")
			conn, err := pgx.Connect(t.Context(), owner)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			named := strings.NewReplacer("ITS_ROLE", role, "ITS_DATABASE", conn.Config().Database)
			exec := func(statements string) {
				t.Helper()
				if _, err := conn.Exec(t.Context(), named.Replace(statements)); err != nil {
					t.Fatal(err)
				}
			}
			exec(c.before)
			r, err := calls.Open(url, calls.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if c.want != "" {
				err := r.Start(t.Context())
				if err == nil || !strings.Contains(err.Error(), named.Replace(c.want)) {
					t.Fatalf("start: %v, want an error with %q", err, named.Replace(c.want))
				}
				if _, run, found := strings.Cut(err.Error(), "run: "); found {
					run, _, _ = strings.Cut(run, "; or instead: ")
					exec(run)
				} else {
					exec(`ALTER ROLE ITS_ROLE RESET ALL`)
				}
			}
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.Record(oneCall(1))
			if _, err := closeWithin(t, r, 10*time.Second); err != nil {
				t.Error(err)
			}
			if n := query[int64](t, owner, countCalls); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
		})
	}
}
