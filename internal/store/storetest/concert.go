package storetest

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

func createConcert(w *world) {
	want := sale.NewConcert{Title: "Storm", Date: "2027-02-30, or later", Venue: "Arena", Capacity: 7}
	created, err := w.CreateConcert(w.Context(), want)
	if err != nil {
		w.Fatal(err)
	}
	if created.ID < 1 {
		w.Errorf("id %d, want a positive one", created.ID)
	}
	got := sale.NewConcert{Title: created.Title, Date: created.Date, Venue: created.Venue, Capacity: created.Capacity}
	if got != want || created.Sold != 0 {
		w.Errorf("created %+v, want %+v and nothing sold", created, want)
	}
	read, err := w.Concert(w.Context(), created.ID)
	if err != nil {
		w.Fatal(err)
	}
	if !read.CreatedAt.Equal(created.CreatedAt) {
		w.Errorf("created at %s, read %s", created.CreatedAt, read.CreatedAt)
	}
	if read.CreatedAt = created.CreatedAt; read != created {
		w.Errorf("read %+v, want %+v", read, created)
	}
}

func listConcerts(w *world) {
	if concerts, err := w.Concerts(w.Context()); err != nil || len(concerts) != 0 {
		w.Fatalf("an empty database lists %v, %v", concerts, err)
	}
	other := w.open(nil)
	var want []int64
	for i := range 5 {
		want = append(want, w.concert(int64(i+1)))
	}
	concerts, err := other.Concerts(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	var got []int64
	for i, c := range concerts {
		got = append(got, c.ID)
		if c.Capacity != int64(i+1) {
			w.Errorf("concert %d has capacity %d, want %d", c.ID, c.Capacity, i+1)
		}
	}
	if !slices.Equal(got, want) || !slices.IsSorted(got) {
		w.Errorf("ids %v, want %v in ascending order", got, want)
	}
}

func unknownConcert(w *world) {
	known := w.concert(10)
	for _, id := range []int64{0, -1, known + 1, math.MinInt64, unknownConcertID} {
		if _, err := w.Concert(w.Context(), id); !errors.Is(err, sale.ErrNotFound) {
			w.Errorf("concert %d: %v, want not found", id, err)
		}
		outcomes := w.sell(order(id, 1), order(known, 1))
		if want := []sale.Status{sale.NotFound, sale.Sold}; !slices.Equal(statuses(outcomes), want) {
			w.Errorf("orders for concert %d and a known one: %v, want %v", id, statuses(outcomes), want)
		}
	}
	if _, err := w.Purchase(w.Context(), uuid.New()); !errors.Is(err, sale.ErrNotFound) {
		w.Errorf("unknown purchase: %v, want not found", err)
	}
	w.balance()
}

func scripts(w *world) {
	text := `Ωmega – 東京 🎟️ "double" 'single' \back %s -- /* $1 ?`
	created, err := w.CreateConcert(w.Context(), sale.NewConcert{Title: text, Date: text, Venue: text, Capacity: 10})
	if err != nil {
		w.Fatal(err)
	}
	o := keyed(created.ID, 1, `!"#$%&'()*+,-./:;<=>?@[\]^_{|}~`+"`")
	o.Email = `björk+'o"@exämple.is`
	receipt := w.sell(o)[0].Purchase

	other := w.open(nil)
	concert, err := other.Concert(w.Context(), created.ID)
	if err != nil {
		w.Fatal(err)
	}
	if concert.Title != text || concert.Date != text || concert.Venue != text {
		w.Errorf("concert reads %+v, want every text as %s", concert, text)
	}
	for name, read := range map[string]func() (sale.Purchase, error){
		"id":  func() (sale.Purchase, error) { return other.Purchase(w.Context(), o.ID) },
		"key": func() (sale.Purchase, error) { return other.PurchaseByKey(w.Context(), o.Key) },
	} {
		if got, err := read(); err != nil || !same(got, receipt) || !got.Answers(o) || got.Key != o.Key {
			w.Errorf("purchase by %s: %+v, %v, want %+v", name, got, err, receipt)
		}
	}
}

func times(w *world) {
	concert, err := w.CreateConcert(w.Context(), sale.NewConcert{Title: "T", Date: "D", Venue: "V", Capacity: 10})
	if err != nil {
		w.Fatal(err)
	}
	o := order(concert.ID, 1)
	w.sell(o)
	refunded, err := w.Refund(w.Context(), o.ID)
	if err != nil {
		w.Fatal(err)
	}
	read, err := w.open(nil).Purchase(w.Context(), o.ID)
	if err != nil {
		w.Fatal(err)
	}
	if !same(read, refunded) {
		w.Errorf("read %+v, want %+v", read, refunded)
	}
	for name, at := range map[string]time.Time{
		"concert": concert.CreatedAt, "purchase": read.CreatedAt, "refund": read.RefundedAt, "answer to refund": refunded.RefundedAt,
	} {
		if at.Location() != time.UTC || at.Nanosecond()%1000 != 0 {
			w.Errorf("time of %s is %s, want UTC with whole microseconds", name, at.Format(time.RFC3339Nano))
		}
		if age := time.Since(at); age < -time.Minute || age > time.Minute {
			w.Errorf("time of %s is %s ago", name, age)
		}
	}
}

func greatestCapacity(w *world) {
	concert := w.concert(sale.MaxCapacity)
	if got := w.sell(order(concert, sale.MaxCapacity-1))[0]; got.Status != sale.Sold {
		w.Fatalf("all tickets but one: %+v", got)
	}
	if got := w.sell(order(concert, 2))[0]; got.Status != sale.SoldOut || got.Left != 1 {
		w.Errorf("two tickets with one left: %+v, want sold out with 1 left", got)
	}
	w.sell(order(concert, 1))
	if got := w.sold(concert); got != sale.MaxCapacity {
		w.Errorf("sold %d, want %d", got, sale.MaxCapacity)
	}
	w.balance()
}

func pages(w *world) {
	first, second := w.concert(100), w.concert(100)
	want := make(map[int64][]string)
	for i := range 7 {
		for _, concert := range []int64{first, second} {
			o := order(concert, i+1)
			w.sell(o)
			want[concert] = append(want[concert], o.ID.String())
			want[0] = append(want[0], o.ID.String())
		}
	}
	for concert, ids := range want {
		slices.Sort(ids)
		for _, limit := range []int{1, 3, len(ids), 1000} {
			if got := w.paged(concert, limit); !slices.Equal(got, ids) {
				w.Errorf("concert %d in pages of %d: %v, want %v", concert, limit, got, ids)
			}
		}
	}
	if got := w.paged(unknownConcertID, 10); len(got) != 0 {
		w.Errorf("an unknown concert has the purchases %v", got)
	}
	if some, err := w.Purchases(w.Context(), 0, uuid.Nil, 0); err != nil || len(some) != 0 {
		w.Errorf("a page with limit 0: %v, %v, want no purchases", some, err)
	}
}

// paged returns a concert's purchase ids, read page by page.
func (w *world) paged(concert int64, limit int) (ids []string) {
	w.Helper()
	after := uuid.Nil
	for {
		page, err := w.Purchases(w.Context(), concert, after, limit)
		if err != nil {
			w.Fatalf("page after %s: %v", after, err)
		}
		if len(page) > limit {
			w.Fatalf("a page of %d has %d purchases", limit, len(page))
		}
		if len(page) == 0 {
			return ids
		}
		for _, p := range page {
			if concert != 0 && p.ConcertID != concert {
				w.Fatalf("concert %d lists a purchase of concert %d", concert, p.ConcertID)
			}
			ids = append(ids, p.ID.String())
		}
		last := page[len(page)-1].ID
		if bytes.Compare(last[:], after[:]) <= 0 {
			w.Fatalf("the page after %s ends with %s", after, last)
		}
		after = last
	}
}
