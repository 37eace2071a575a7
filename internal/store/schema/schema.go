// Package schema applies migrations by goose, and judges the version that a
// database has.
package schema

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"

	"onsale/internal/sale"
)

// Newest returns the version that the migrations, files named NNNNN_what.sql in
// the directory migrations, lead to.
func Newest(files fs.FS) (int64, error) {
	names, err := list(files)
	if err != nil {
		return 0, err
	}
	version, err := goose.NumericComponent(names[len(names)-1])
	if err != nil {
		return 0, fmt.Errorf("read migration's version: %w", err)
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

// Judge compares the version that the database has, 0 for none, with the one
// that this program wants. A missing or older schema is a [*sale.ObstacleError] that
// says what to do; a newer one is an error that waiting does not mend.
func Judge(have, want int64) error {
	switch {
	case have < want:
		return &sale.ObstacleError{
			Reason: "the database lacks the schema of this server",
			Err:    fmt.Errorf("it has version %d and must have %d", have, want),
			Remedy: "run `onsale migrate`",
		}
	case have > want:
		return fmt.Errorf("the schema has version %d, and this program knows only up to %d: run a newer onsale", have, want)
	}
	return nil
}
