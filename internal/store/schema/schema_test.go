package schema_test

import (
	"database/sql"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"

	"onsale/internal/store/schema"
)

func files(texts map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, text := range texts {
		all["migrations/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

const good = "-- why\n-- +goose Up\nCREATE TABLE a (n int);\n-- +goose Down\nDROP TABLE a;\n"

func TestNewest(t *testing.T) {
	t.Parallel()
	for want, texts := range map[int64]map[string]string{
		2: {"00002_b.sql": good, "00001_a.sql": good, "README.md": "no migration"},
		0: {},
	} {
		if newest, err := schema.Newest(files(texts)); newest != want || (err == nil) != (want > 0) {
			t.Errorf("newest version %d, %v, want %d", newest, err, want)
		}
	}
}

// TestInvalidMigrations expects an error before Up uses the database: the one here
// would panic.
func TestInvalidMigrations(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string]map[string]string{
		"none":           {},
		"no version":     {"sale.sql": good},
		"version 0":      {"00000_a.sql": good},
		"twice":          {"00001_a.sql": good, "00001_b.sql": good},
		"no way up":      {"00001_a.sql": "CREATE TABLE a (n int);\n-- +goose Down\nDROP TABLE a;\n"},
		"no way down":    {"00001_a.sql": "-- +goose Up\nCREATE TABLE a (n int);"},
		"only up":        {"00001_a.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE a (n int);"},
		"down before up": {"00001_a.sql": "-- +goose Down\nDROP TABLE a;\n-- +goose Up\nCREATE TABLE a (n int);"},
		"no transaction": {"00001_a.sql": "-- +goose NO TRANSACTION\n" + good},
		"another mark":   {"00001_a.sql": strings.Replace(good, "CREATE", "-- +goose StatementBegin\nCREATE", 1)},
	} {
		migrator := schema.Migrator{DB: new(sql.DB), Dialect: goose.DialectSQLite3, Table: "versions", Files: files(texts)}
		if err := migrator.Up(t.Context()); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
