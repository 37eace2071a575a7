package postgres_test

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/store/postgres"
)

// remedies returns the statements that an error asks the owner to run.
func remedies(err error) []string {
	if err == nil {
		return nil
	}
	_, run, found := strings.Cut(err.Error(), "run: ")
	if !found {
		return nil
	}
	run, _, _ = strings.Cut(run, "; or instead: ")
	return strings.Split(run, "; ")
}

// works calls everything that a server calls.
func works(t *testing.T, store *postgres.Store) {
	t.Helper()
	batch := newBatch(t, store, 1)
	calls := map[string]func() error{
		"try":  func() error { return store.TryWrite(t.Context()) },
		"sell": func() error { _, err := store.Sell(t.Context(), batch); return err },
		"refund": func() error {
			_, err := store.Refund(t.Context(), batch.Orders[0].ID)
			return err
		},
		"list":      func() error { _, err := store.Purchases(t.Context(), 0, uuid.Nil, 1); return err },
		"audit":     func() error { _, _, err := store.AuditBooks(t.Context(), 0); return err },
		"token key": func() error { _, err := store.TokenKey(t.Context(), item.NewKey()); return err },
		"load plan": func() error { _, err := store.LoadPlan(t.Context()); return err },
		"heartbeat": func() error { return store.Heartbeat(t.Context(), "r", 1) },
		"item": func() error {
			return store.CreateItem(t.Context(), item.Item{ID: "i", UserID: "ada", CreatedAt: time.Now()})
		},
		"no item": func() error { return store.DeleteItem(t.Context(), "i", "ada") },
	}
	for _, name := range []string{"try", "sell", "refund", "list", "audit", "token key", "load plan", "heartbeat", "item", "no item"} {
		if err := calls[name](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestMigrateWithFewPrivileges migrates as a role that owns nothing, in a database that
// a superuser has prepared. If a privilege is missing, the error lists the statements
// that grant it. No other statements are needed.
func TestMigrateWithFewPrivileges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		migrated bool   // by the superuser
		before   string // other statements that the superuser has run
		want     string // part of the error; empty for no error
	}{
		"the schema was made for it": {before: `CREATE SCHEMA onsale AUTHORIZATION ITS_ROLE`},
		"it can create in the schema": {
			before: `CREATE SCHEMA onsale; GRANT USAGE, CREATE ON SCHEMA onsale TO ITS_ROLE`,
		},
		"it can write, and nothing is missing": {migrated: true, before: grantAll},
		"there is no schema":                   {want: `GRANT CREATE ON DATABASE ITS_DATABASE TO ITS_ROLE; or instead: CREATE SCHEMA onsale AUTHORIZATION ITS_ROLE`},
		"another role owns the schema":         {before: `CREATE SCHEMA onsale`, want: `GRANT USAGE, CREATE ON SCHEMA onsale TO ITS_ROLE`},
		"it can only use the schema": {
			before: `CREATE SCHEMA onsale; GRANT USAGE ON SCHEMA onsale TO ITS_ROLE`, want: `GRANT CREATE ON SCHEMA onsale TO ITS_ROLE`,
		},
		"another role migrated": {migrated: true, want: `GRANT USAGE ON SCHEMA onsale TO ITS_ROLE; GRANT SELECT ON onsale.schema_migrations TO ITS_ROLE; `},
		"another role migrated, and it can use the schema": {
			migrated: true, before: `GRANT USAGE ON SCHEMA onsale TO ITS_ROLE`, want: `GRANT SELECT ON onsale.schema_migrations TO ITS_ROLE`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := server.Database(t)
			s := &shop{T: t, cluster: server.Server(t), owner: owner}
			s.name = owner[strings.LastIndex(owner, "/")+1 : strings.Index(owner, "?")]
			s.url, s.role = s.cluster.Role(t, owner, "")
			if c.migrated {
				newBatch(t, open(t, owner, postgres.Options{}), 0)
			}
			if c.before != "" {
				s.exec(c.before)
			}
			store := open(t, s.url, postgres.Options{})
			err := store.Migrate(t.Context())
			want := strings.NewReplacer("ITS_ROLE", s.role, "ITS_DATABASE", s.name).Replace(c.want)
			switch {
			case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), "run: "+want)):
				t.Fatalf("migrate: %v, want %q in the error", err, want)
			case c.want != "" && strings.Contains(err.Error(), "\n"):
				t.Errorf("%q is not one line", err)
			}
			for _, statement := range remedies(err) {
				exec(t, owner, statement)
			}
			if err := store.Migrate(t.Context()); err != nil {
				t.Fatalf("migrate with the privileges: %v", err)
			}
			works(t, store)
		})
	}
}

// TestMigrateTablesOfAnother alters a table that another role owns.
func TestMigrateTablesOfAnother(t *testing.T) {
	t.Parallel()
	s := openShop(t, server.Server(t), "")
	s.exec(`GRANT CREATE ON SCHEMA onsale TO ITS_ROLE; GRANT onsale TO postgres`)
	for _, table := range []string{"concerts", "purchases", "audits", "faults", "replicas", "items", "token_keys", "schema_migrations"} {
		s.exec(`ALTER TABLE onsale.` + table + ` OWNER TO onsale`)
	}
	files := make(fstest.MapFS)
	for _, name := range []string{"migrations/00001_sale.sql", "migrations/00002_items.sql"} {
		files[name] = &fstest.MapFile{Data: []byte("-- +goose Up\nSELECT 1;\n-- +goose Down\n")}
	}
	files["migrations/00003_note.sql"] = &fstest.MapFile{
		Data: []byte("-- +goose Up\nALTER TABLE onsale.concerts ADD COLUMN note text;\n-- +goose Down\n"),
	}
	store := open(t, s.url, postgres.Options{})
	store.SetMigrations(files, time.Minute)
	err := store.Migrate(t.Context())
	if want := "GRANT onsale TO " + s.role; len(remedies(err)) != 1 || remedies(err)[0] != want {
		t.Fatalf("migrate: %v, want the one remedy %q", err, want)
	}
	exec(t, s.owner, remedies(err)[0])
	if err := store.Migrate(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestMissingPrivilegeIsNotWaitedFor expects a missing privilege to be lasting, and a
// missing schema not to be.
func TestMissingPrivilegeIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := openShop(t, server.Server(t), "")
	s.exec(`REVOKE SELECT ON onsale.schema_migrations FROM ITS_ROLE`)
	err := open(t, s.url, postgres.Options{}).CheckSchema(t.Context())
	if !obstacle(err).Lasting || len(remedies(err)) != 1 {
		t.Errorf("%v, want a lasting obstacle", err)
	}
	empty := open(t, server.Database(t), postgres.Options{})
	if err := empty.CheckSchema(t.Context()); obstacle(err).Lasting || !strings.Contains(err.Error(), "onsale migrate") {
		t.Errorf("%v, want an obstacle that is not lasting", err)
	}
}

// TestCallsSayWhichGrantIsMissing revokes privileges that calls other than a sale need.
func TestCallsSayWhichGrantIsMissing(t *testing.T) {
	t.Parallel()
	s := openShop(t, server.Server(t), "")
	direct := open(t, s.url, postgres.Options{})
	sold, err := direct.Sell(t.Context(), sale.Batch{Orders: orders(t, s.concert, 1)})
	if err != nil {
		t.Fatal(err)
	}
	pooled := open(t, s.url+"&pgbouncer=true", postgres.Options{})
	for privilege, call := range map[string]func(*postgres.Store) error{
		"INSERT ON onsale.items": func(store *postgres.Store) error {
			return store.CreateItem(t.Context(), item.Item{ID: "1", UserID: "ada", CreatedAt: time.Now()})
		},
		"DELETE ON onsale.items":    func(store *postgres.Store) error { return store.DeleteItem(t.Context(), "1", "ada") },
		"UPDATE ON onsale.faults":   func(store *postgres.Store) error { _, err := store.SavePlan(t.Context(), fault.Plan{}); return err },
		"SELECT ON onsale.faults":   func(store *postgres.Store) error { _, err := store.LoadPlan(t.Context()); return err },
		"INSERT ON onsale.replicas": func(store *postgres.Store) error { return store.Heartbeat(t.Context(), "one", 1) },
		"INSERT ON onsale.audits":   func(store *postgres.Store) error { _, _, err := store.AuditBooks(t.Context(), 0); return err },
		"SELECT ON onsale.purchases": func(store *postgres.Store) error {
			_, err := store.Purchases(t.Context(), s.concert, uuid.Nil, 1)
			return err
		},
		"UPDATE ON onsale.concerts": func(store *postgres.Store) error {
			_, err := store.Refund(t.Context(), sold[0].Purchase.ID)
			return err
		},
		"INSERT ON onsale.concerts": func(store *postgres.Store) error {
			_, err := store.CreateConcert(t.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: 1})
			return err
		},
	} {
		s.exec(`REVOKE ` + privilege + ` FROM ITS_ROLE`)
		for way, store := range map[string]*postgres.Store{"direct": direct, "pooled": pooled} {
			err := call(store)
			if want := "GRANT " + privilege + " TO " + s.role; !strings.Contains(obstacle(err).Remedy, want) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, without %s: %v, want %q", way, privilege, err, want)
			}
		}
		s.exec(`GRANT ` + privilege + ` TO ITS_ROLE`)
	}
}
