package storetest

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/pressly/goose/v3"

	"onsale/internal/sale"
	"onsale/internal/store/schema"
)

func missingSchema(w *world) {
	err := w.CheckSchema(w.Context())
	if !errors.Is(err, sale.ErrUnavailable) || !strings.Contains(err.Error(), "onsale migrate") {
		w.Errorf("check without a schema: %v, want it unavailable, with onsale migrate as remedy", err)
	}
	if _, err := w.Concerts(w.Context()); !errors.Is(err, sale.ErrUnavailable) {
		w.Errorf("list without a schema: %v, want it unavailable", err)
	}
	if _, err := w.Sell(w.Context(), sale.Batch{Orders: []sale.Order{order(1, 1)}}); !errors.Is(err, sale.ErrUnavailable) {
		w.Errorf("sell without a schema: %v, want it unavailable", err)
	}
	if err := w.Ping(w.Context()); err != nil {
		w.Errorf("ping without a schema: %v", err)
	}
	var obstacle *sale.ObstacleError
	if err := w.TryWrite(w.Context()); !errors.As(err, &obstacle) || !errors.Is(err, sale.ErrUnavailable) {
		w.Errorf("try without a schema: %v, want it unavailable, with a reason", err)
	}
	for range 2 { // the second call has nothing to do
		if err := w.Migrate(w.Context()); err != nil {
			w.Fatal(err)
		}
	}
	if err := w.CheckSchema(w.Context()); err != nil {
		w.Errorf("check after migrating: %v", err)
	}
	if err := w.TryWrite(w.Context()); err != nil {
		w.Errorf("try after migrating: %v", err)
	}
	if concerts, err := w.Concerts(w.Context()); err != nil || len(concerts) != 0 {
		w.Errorf("list after migrating: %v, %v", concerts, err)
	}
}

func newerSchema(w *world) {
	if err := w.Migrate(w.Context()); err != nil {
		w.Fatal(err)
	}
	if _, err := w.database.Raw.ExecContext(w.Context(), w.database.NewerSchema); err != nil {
		w.Fatal(err)
	}
	for name, check := range map[string]error{
		"check":   w.CheckSchema(w.Context()),
		"migrate": w.Migrate(w.Context()),
	} {
		if check == nil || !strings.Contains(check.Error(), "newer onsale") {
			w.Errorf("%s with a newer schema: %v, want the remedy to run a newer onsale", name, check)
		}
	}
}

func migrateAtOnce(w *world) {
	const handles = 10
	stores, errs := make([]Store, handles), make([]error, handles)
	for i := range stores {
		stores[i] = w.open(nil)
	}
	var all sync.WaitGroup
	for i, s := range stores {
		all.Go(func() { errs[i] = s.Migrate(w.Context()) })
	}
	all.Wait()
	for i, s := range stores {
		if errs[i] != nil {
			w.Errorf("handle %d: %v", i, errs[i])
			continue
		}
		if err := s.CheckSchema(w.Context()); err != nil {
			w.Errorf("handle %d after migrating: %v", i, err)
		}
		if _, err := s.CreateConcert(w.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: 1}); err != nil {
			w.Errorf("handle %d: %v", i, err)
		}
	}
}

// downAndUp undoes the newest migration, then the newest two, and so on until all, and
// migrates again each time. The schema must be the same as before.
func downAndUp(w *world) {
	const table = "schema_migrations"
	newest, err := schema.Newest(w.database.Migrations)
	if err != nil {
		w.Fatal(err)
	}
	files, err := fs.Sub(w.database.Migrations, "migrations")
	if err != nil {
		w.Fatal(err)
	}
	migrations, err := goose.NewProvider(w.database.Dialect, w.database.Raw, files, goose.WithTableName(table))
	if err != nil {
		w.Fatal(err)
	}
	bare := w.catalog()
	w.migrate()
	whole := w.catalog()
	for kept := newest - 1; kept >= 0; kept-- {
		undone, err := migrations.DownTo(w.Context(), kept)
		if err != nil || int64(len(undone)) != newest-kept {
			w.Fatalf("down to version %d: %v, %v, want %d migrations undone", kept, undone, err, newest-kept)
		}
		if err := w.CheckSchema(w.Context()); !errors.Is(err, sale.ErrUnavailable) {
			w.Errorf("check of version %d: %v, want it unavailable", kept, err)
		}
		if kept == 0 {
			w.exec("DROP TABLE " + table)
			if left := w.catalog(); !slices.Equal(left, bare) {
				w.Errorf("undoing all migrations leaves %q, want %q", left, bare)
			}
		}
		w.migrate()
		if again := w.catalog(); !slices.Equal(again, whole) {
			w.Errorf("down to version %d and up again:\n%q\nwant\n%q", kept, again, whole)
		}
	}
	if got := w.sell(order(w.concert(1), 1))[0]; got.Status != sale.Sold {
		w.Errorf("order after the migrations: %+v, want it sold", got)
	}
}

// catalog describes everything in the schema.
func (w *world) catalog() []string {
	w.Helper()
	rows, err := w.database.Raw.QueryContext(w.Context(), w.database.Catalog)
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			w.Fatal(err)
		}
		all = append(all, line)
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	return all
}
