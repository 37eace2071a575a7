package storetest

import (
	"sync"
	"time"

	"onsale/internal/sale"
)

func changedRows(w *world) {
	full, empty := w.concert(10), w.concert(10)
	first, second := order(full, 4), order(full, 6)
	w.sell(first, second)
	if _, err := w.Refund(w.Context(), first.ID); err != nil {
		w.Fatal(err)
	}
	w.books(sale.ConcertBooks{ConcertID: full, Capacity: 10, Sold: 6, Purchased: 6},
		sale.ConcertBooks{ConcertID: empty, Capacity: 10})

	w.exec(`UPDATE purchases SET quantity = quantity + 5 WHERE id = '%s'`, second.ID)
	w.books(sale.ConcertBooks{ConcertID: full, Capacity: 10, Sold: 6, Purchased: 11},
		sale.ConcertBooks{ConcertID: empty, Capacity: 10})

	w.exec(`DELETE FROM purchases WHERE id = '%s'`, second.ID)
	w.exec(`UPDATE concerts SET sold = 1 WHERE id = %d`, empty)
	w.books(sale.ConcertBooks{ConcertID: full, Capacity: 10, Sold: 6},
		sale.ConcertBooks{ConcertID: empty, Capacity: 10, Sold: 1})
}

// books fails the test unless the books have exactly the wanted lines.
func (w *world) books(want ...sale.ConcertBooks) {
	w.Helper()
	books, err := w.Books(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	if len(books.Concerts) != len(want) {
		w.Fatalf("books %+v, want %+v", books.Concerts, want)
	}
	for i, line := range books.Concerts {
		if line != want[i] {
			w.Errorf("line %d of the books %+v, want %+v", i, line, want[i])
		}
	}
}

func audits(w *world) {
	concert := w.concert(10)
	o := order(concert, 4)
	w.sell(o)
	first := w.audit(w, time.Hour, 0)
	if age := time.Since(first); age < -time.Minute || age > time.Minute {
		w.Errorf("the first audit is %s old", age)
	}

	w.exec(`UPDATE purchases SET quantity = quantity + 3 WHERE id = '%s'`, o.ID)
	other := w.open(nil)
	for name, s := range map[string]Store{"the same handle": w, "another handle": other} {
		if again := w.audit(s, time.Hour, 0); !again.Equal(first) {
			w.Errorf("%s: audit at %s, want the first one, at %s", name, again, first)
		}
	}
	next := w.audit(other, 0, 3)
	if !next.After(first) {
		w.Errorf("next audit at %s, want it after the first, at %s", next, first)
	}
	if again := w.audit(w, time.Hour, 3); !again.Equal(next) {
		w.Errorf("the first handle: audit at %s, want the latest one, at %s", again, next)
	}
}

// audit fails the test unless the audit finds the wanted difference. It returns the
// audit's time.
func (w *world) audit(s Store, maxAge time.Duration, want int64) time.Time {
	w.Helper()
	difference, checkedAt, err := s.AuditBooks(w.Context(), maxAge)
	if err != nil {
		w.Fatalf("audit: %v", err)
	}
	if difference != want {
		w.Errorf("the audit found a difference of %d tickets, want %d", difference, want)
	}
	if checkedAt.Location() != time.UTC {
		w.Errorf("the audit's time is %s, want UTC", checkedAt)
	}
	return checkedAt
}

func auditRace(w *world) {
	concert := w.concert(10)
	w.sell(order(concert, 4))
	w.exec(`UPDATE concerts SET sold = 6`)
	handles := []Store{w, w.open(nil), w.open(nil)}

	const callers = 12
	differences, errs := make([]int64, callers), make([]error, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			errs[i] = insist(w.Context(), func() (err error) {
				differences[i], _, err = handles[i%len(handles)].AuditBooks(w.Context(), 0)
				return err
			})
		})
	}
	all.Wait()
	for i := range callers {
		if errs[i] != nil || differences[i] != 2 {
			w.Errorf("caller %d got a difference of %d, %v, want 2", i, differences[i], errs[i])
		}
	}
}
