package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/sale"
)

// item creates an item of the user and returns its id.
func (w *world) item(user string) string {
	w.Helper()
	i, err := item.New(user, time.Now())
	if err != nil {
		w.Fatal(err)
	}
	if err := w.CreateItem(w.Context(), i); err != nil {
		w.Fatalf("create item: %v", err)
	}
	return i.ID
}

// items returns the rows of all items as "id user", read without the store.
func (w *world) items() []string {
	w.Helper()
	rows, err := w.database.Raw.QueryContext(w.Context(), `SELECT id, user_id FROM items ORDER BY id`)
	if err != nil {
		w.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var id, user string
		if err := rows.Scan(&id, &user); err != nil {
			w.Fatal(err)
		}
		all = append(all, id+" "+user)
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	return all
}

// onlyItems fails the test unless the wanted items, as "id user", are all there are.
func (w *world) onlyItems(want ...string) {
	w.Helper()
	slices.Sort(want)
	got := w.items()
	if slices.Sort(got); !slices.Equal(got, want) {
		w.Errorf("items %q, want %q", got, want)
	}
}

func createItem(w *world) {
	w.onlyItems()
	first, second := w.item("ada"), w.item("ada")
	w.onlyItems(first+" ada", second+" ada")

	other := w.open(nil)
	if err := other.DeleteItem(w.Context(), first, "ada"); err != nil {
		w.Errorf("delete: %v", err)
	}
	w.onlyItems(second + " ada")
	for _, s := range []Store{w, other} {
		if err := s.DeleteItem(w.Context(), first, "ada"); !errors.Is(err, item.ErrNotFound) {
			w.Errorf("delete a second time: %v, want not found", err)
		}
	}
	w.onlyItems(second + " ada")
}

func otherUsersItem(w *world) {
	id := w.item("ada")
	for _, user := range []string{"bob", "Ada", "ada ", "", "%", "ada' OR 'a'='a", "ada\x00", "\xff"} {
		if err := w.DeleteItem(w.Context(), id, user); !errors.Is(err, item.ErrNotFound) {
			w.Errorf("%q deleted ada's item: %v, want not found", user, err)
		}
	}
	w.onlyItems(id + " ada")
}

func oddItemIDs(w *world) {
	id := w.item("ada")
	for _, odd := range []string{
		"", " ", id + " ", " " + id, strings.ToUpper(id), "urn:uuid:" + id, "{" + id + "}", strings.ReplaceAll(id, "-", ""), id[:len(id)-1],
		"../" + id, "../x", "x/../" + id, "%", "_", "*", `' OR ''='`, `"; DROP TABLE items; --`, `\`, "$1", "?1",
		"\x00", id + "\x00", "\n", "\x7f", "\xff", "\u202e", "Zoë", "01890000-0000-7000-8000-000000000000",
		strings.Repeat("x", 10<<10), strings.Repeat(id, 300),
	} {
		if err := w.DeleteItem(w.Context(), odd, "ada"); !errors.Is(err, item.ErrNotFound) {
			w.Errorf("delete %.60q: %v, want not found", odd, err)
		}
	}
	w.onlyItems(id + " ada")
}

func itemUsers(w *world) {
	users := []string{
		"guest", "Zoë", "Zoe\u0308", "東京", "🎟️", `o'hara "the" \ $1 ? -- /*`, "a b", strings.Repeat("x", item.MaxUserLength),
		"\u202eada", "admin'--",
	}
	want := map[string]string{}
	for _, user := range users {
		want[w.item(user)] = user
	}
	for id, user := range want {
		if err := w.DeleteItem(w.Context(), id, user+"x"); !errors.Is(err, item.ErrNotFound) {
			w.Errorf("item of %q deleted by another: %v", user, err)
		}
		if err := w.DeleteItem(w.Context(), id, user); err != nil {
			w.Errorf("item of %q: %v", user, err)
		}
	}
	w.onlyItems()
}

func itemTwice(w *world) {
	i, err := item.New("ada", time.Now())
	if err != nil {
		w.Fatal(err)
	}
	if err := w.CreateItem(w.Context(), i); err != nil {
		w.Fatal(err)
	}
	i.UserID = "bob"
	if err := w.CreateItem(w.Context(), i); !errors.Is(err, sale.ErrConflict) {
		w.Errorf("create with an existing id: %v, want a conflict", err)
	}
	w.onlyItems(i.ID + " ada")
}

func itemRace(w *world) {
	const tries = 10
	id := w.item("ada")
	handles := []Store{w, w.open(nil)}
	errs := make([]error, tries)
	var all sync.WaitGroup
	for i := range tries {
		all.Go(func() {
			errs[i] = insist(w.Context(), func() error { return handles[i%2].DeleteItem(w.Context(), id, "ada") })
		})
	}
	all.Wait()
	var deleted int
	for _, err := range errs {
		switch {
		case err == nil:
			deleted++
		case !errors.Is(err, item.ErrNotFound):
			w.Errorf("delete: %v", err)
		}
	}
	if deleted != 1 {
		w.Errorf("deleted %d times, want once", deleted)
	}
	w.onlyItems()
}

func cancelledItem(w *world) {
	id := w.item("ada")
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	i, err := item.New("ada", time.Now())
	if err != nil {
		w.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"create": func() error { return w.CreateItem(ctx, i) },
		"delete": func() error { return w.DeleteItem(ctx, id, "ada") },
		"key":    func() error { _, err := w.TokenKey(ctx, []byte("candidate")); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) || errors.Is(err, sale.ErrOutcomeUnknown) {
			w.Errorf("%s: %v, want it cancelled, and not the outcome unknown", name, err)
		}
	}
	w.onlyItems(id + " ada")
}

func gatedItem(w *world) {
	id := w.item("ada")
	var open atomic.Bool
	gated := w.open(func(context.Context) error {
		if open.Load() {
			return nil
		}
		return fault.ErrInjected
	})
	i, err := item.New("ada", time.Now())
	if err != nil {
		w.Fatal(err)
	}
	for name, call := range map[string]func() error{
		"create":           func() error { return gated.CreateItem(w.Context(), i) },
		"delete":           func() error { return gated.DeleteItem(w.Context(), id, "ada") },
		"delete an odd id": func() error { return gated.DeleteItem(w.Context(), "\x00", "ada") },
	} {
		if err := call(); !errors.Is(err, sale.ErrUnavailable) || !errors.Is(err, fault.ErrInjected) {
			w.Errorf("%s behind a closed gate: %v, want it unavailable for the gate's reason", name, err)
		}
	}
	w.onlyItems(id + " ada")
	if _, err := gated.TokenKey(w.Context(), []byte("a key of the test's own")); err != nil {
		w.Errorf("a closed gate stopped the token key: %v", err)
	}

	open.Store(true)
	if err := gated.CreateItem(w.Context(), i); err != nil {
		w.Errorf("create behind an open gate: %v", err)
	}
	if err := gated.DeleteItem(w.Context(), id, "ada"); err != nil {
		w.Errorf("delete behind an open gate: %v", err)
	}
	w.onlyItems(i.ID + " ada")
}

func tokenKeyRace(w *world) {
	const handles = 10
	candidates, keys, errs := make([][]byte, handles), make([][]byte, handles), make([]error, handles)
	stores := make([]Store, handles)
	for i := range stores {
		stores[i], candidates[i] = w.open(nil), item.NewKey()
	}
	var all sync.WaitGroup
	for i, s := range stores {
		all.Go(func() { keys[i], errs[i] = s.TokenKey(w.Context(), candidates[i]) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		w.Fatal(err)
	}
	for i, key := range keys {
		if !bytes.Equal(key, keys[0]) {
			w.Errorf("handle %d has not the same key as the first", i)
		}
	}
	if !slices.ContainsFunc(candidates, func(c []byte) bool { return bytes.Equal(c, keys[0]) }) {
		w.Error("the key is none of the candidates")
	}
}

func tokenKeyStays(w *world) {
	first := []byte("\x00 every byte \xff is kept")
	for _, candidate := range [][]byte{first, item.NewKey()} {
		for _, s := range []Store{w, w.open(nil)} {
			if got, err := s.TokenKey(w.Context(), candidate); err != nil || !bytes.Equal(got, first) {
				w.Errorf("key %q, %v, want the first, %q", got, err, first)
			}
		}
	}
	if _, err := w.database.Raw.ExecContext(w.Context(), `INSERT INTO token_keys (id, key) VALUES (2, 'second')`); err == nil {
		w.Error("the database accepts a second key")
	}
}

// schemaBeforeItems migrates a schema of Onsale's first version, which had no items.
func schemaBeforeItems(w *world) {
	w.migrate()
	concert := w.concert(10)
	for _, statement := range []string{`DROP TABLE items`, `DROP TABLE token_keys`, `DELETE FROM schema_migrations WHERE version_id = 2`} {
		w.exec("%s", statement)
	}
	other := w.open(nil)
	if err := other.CheckSchema(w.Context()); !errors.Is(err, sale.ErrUnavailable) || !strings.Contains(err.Error(), "onsale migrate") {
		w.Errorf("check: %v, want it unavailable, with onsale migrate as remedy", err)
	}
	if _, err := other.TokenKey(w.Context(), item.NewKey()); !errors.Is(err, sale.ErrUnavailable) {
		w.Errorf("token key without its table: %v, want it unavailable", err)
	}
	if err := other.Migrate(w.Context()); err != nil {
		w.Fatal(err)
	}
	w.item("ada")
	if got := w.sold(concert); got != 0 {
		w.Errorf("sold %d", got)
	}
}
