// Package schema applies migrations with goose, and checks the schema version of a
// database.
package schema

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"onsale/internal/sale"
)

// Newest returns the version of the last migration. Migrations are files named
// NNNNN_what.sql in the directory migrations.
func Newest(files fs.FS) (int64, error) {
	names, err := list(files)
	if err != nil {
		return 0, err
	}
	version, err := goose.NumericComponent(names[len(names)-1])
	if err != nil {
		return 0, fmt.Errorf("read version of migration: %w", err)
	}
	return version, nil
}

// list returns the names of the migrations in order of version.
func list(files fs.FS) ([]string, error) {
	names, err := fs.Glob(files, "migrations/*.sql") // sorted
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("list migrations: %w", errors.Join(err, fs.ErrNotExist))
	}
	return names, nil
}

// Judge compares the version of the database's schema, 0 for none, with the version
// that this program needs. For a missing or older schema it returns a
// [*sale.ObstacleError] with a remedy. A newer schema is a permanent error.
func Judge(have, want int64) error {
	switch {
	case have < want:
		return &sale.ObstacleError{
			Reason: "the database schema is missing or too old for this server",
			Err:    fmt.Errorf("it has version %d, want %d", have, want),
			Remedy: "run `onsale migrate`",
		}
	case have > want:
		return fmt.Errorf("the schema has version %d, and this program supports versions up to %d: run a newer onsale", have, want)
	}
	return nil
}
