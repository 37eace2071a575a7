package schema_test

import (
	"strings"
	"testing"
	"testing/fstest"

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

func TestRead(t *testing.T) {
	t.Parallel()
	all, err := schema.Read(files(map[string]string{"00002_b.sql": good, "00001_a.sql": good, "README.md": "no migration"}))
	if err != nil || len(all) != 2 || schema.Newest(all) != 2 {
		t.Fatalf("%+v, %v, want two migrations", all, err)
	}
	want := schema.Migration{Version: 1, Name: "00001_a.sql", Up: "CREATE TABLE a (n int);", Down: "DROP TABLE a;"}
	if all[0] != want {
		t.Errorf("%+v, want %+v", all[0], want)
	}
	for have, next := range map[int64]int64{0: 1, 1: 2, 2: 0, 7: 0} {
		if m, more := schema.Next(all, have); m.Version != next || more != (next > 0) {
			t.Errorf("after version %d: %+v, %v, want version %d", have, m, more, next)
		}
	}
}

// TestMigrationsThatMakeNoSense are errors that name the file.
func TestMigrationsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string]map[string]string{
		"none":           {},
		"no version":     {"sale.sql": good},
		"a gap":          {"00001_a.sql": good, "00003_c.sql": good},
		"not from 1":     {"00002_b.sql": good},
		"twice":          {"00001_a.sql": good, "00001_b.sql": good},
		"no way up":      {"00001_a.sql": "CREATE TABLE a (n int);"},
		"no way down":    {"00001_a.sql": "-- +goose Up\nCREATE TABLE a (n int);"},
		"no transaction": {"00001_a.sql": "-- +goose NO TRANSACTION\n" + good},
		"another mark":   {"00001_a.sql": strings.Replace(good, "CREATE", "-- +goose StatementBegin\nCREATE", 1)},
	} {
		all, err := schema.Read(files(texts))
		if err == nil {
			t.Errorf("%s: %+v was accepted", name, all)
			continue
		}
		if len(texts) > 0 && !strings.Contains(err.Error(), ".sql") {
			t.Errorf("%s: %v names no file", name, err)
		}
	}
}
