// Package schema reads the migrations of the tables, and judges the version that
// a database has.
package schema

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"onsale/internal/sale"
)

// Migration is one step of the schema, which is applied in one transaction.
type Migration struct {
	// Version is 1 for the first migration, and grows by 1.
	Version int64
	// Name is that of its file.
	Name string
	// Up holds the statements that make the step, Down those that undo it.
	Up, Down string
}

// The marks of a migration's two halves are those of goose, which wrote the
// first databases.
const (
	upMark   = "-- +goose Up\n"
	downMark = "-- +goose Down\n"
)

// Read returns the migrations in order of version: files named NNNNN_what.sql in
// the directory migrations, numbered from 1 without a gap.
func Read(files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	slices.Sort(names)
	var all []Migration
	for i, name := range names {
		m, err := read(files, name)
		if err != nil {
			return nil, err
		}
		if m.Version != int64(i+1) {
			return nil, fmt.Errorf("migration %s: its version must be %d", name, i+1)
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("list migrations: %w", fs.ErrNotExist)
	}
	return all, nil
}

func read(files fs.FS, name string) (Migration, error) {
	m := Migration{Name: path.Base(name)}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return m, fmt.Errorf("read migration: %w", err)
	}
	number, _, _ := strings.Cut(m.Name, "_")
	if m.Version, err = strconv.ParseInt(number, 10, 64); err != nil {
		return m, fmt.Errorf("migration %s: its name must begin with its version, like 00001_sale.sql", name)
	}
	_, up, hasUp := strings.Cut(string(text), upMark)
	up, down, hasDown := strings.Cut(up, downMark)
	if !hasUp || !hasDown || strings.Count(string(text), "-- +goose") > 2 { // NO TRANSACTION, for one
		return m, fmt.Errorf("migration %s: it must have one part after %q and one after %q",
			name, strings.TrimSpace(upMark), strings.TrimSpace(downMark))
	}
	m.Up, m.Down = strings.TrimSpace(up), strings.TrimSpace(down)
	return m, nil
}

// Newest returns the version that the migrations lead to.
func Newest(migrations []Migration) int64 { return migrations[len(migrations)-1].Version }

// Next returns the migration that a database of the version have needs next, or
// false if it needs none.
func Next(migrations []Migration, have int64) (Migration, bool) {
	for _, m := range migrations {
		if m.Version > have {
			return m, true
		}
	}
	return Migration{}, false
}

// Judge compares the version that the database has, 0 for none, with the one
// that this program wants. A missing or older schema is a sale.ErrUnavailable
// that says what to do; a newer one is an error that waiting does not mend.
func Judge(have, want int64) error {
	switch {
	case have < want:
		return fmt.Errorf("%w: the schema has version %d and must have %d: run `onsale migrate`", sale.ErrUnavailable, have, want)
	case have > want:
		return fmt.Errorf("the schema has version %d, and this program knows only up to %d: run a newer onsale", have, want)
	}
	return nil
}
