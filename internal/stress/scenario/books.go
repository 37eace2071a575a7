package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/internal/client"
	"onsale/internal/sale"
	"onsale/internal/stress/format"
)

// listAge is how old a list of concerts may be, with something to spare: Onsale
// answers with one of up to 250 ms.
const listAge = 300 * time.Millisecond

// Books compare what buyers are told with what the target writes down. They are
// opened before a run, and closed after it.
type Books struct {
	tally *Tally
	o     Options
	// before is how many tickets of each concert were sold. With audited it is
	// the sum of the purchases, which admins may read, and else the concert's
	// counter. Known says that there is either.
	before         map[int64]int64
	audited, known bool
}

// Audit is what the comparison comes to. All numbers are tickets.
type Audit struct {
	// Known says that there was something to compare with.
	Known bool `json:"known"`
	// Told were told sold, and Booked stand in the books since they were opened,
	// of the concerts that were bought from.
	Told   int64 `json:"told"`
	Booked int64 `json:"booked"`
	// Unsure were asked for in purchases whose outcome nobody knows: they may be in the books or not.
	Unsure int64 `json:"unsure"`
	// Missing were told sold and do not stand in the books.
	Missing int64 `json:"missing"`
	// Extra stand in the books and were neither told sold nor unsure: somebody else has bought.
	Extra int64 `json:"extra"`
	// Unbalanced is by how much the target's own counters and purchases
	// disagree, or exceed the capacity.
	Unbalanced int64 `json:"unbalanced"`
	// Agree says that all that was told sold is in the books, and nothing else is.
	Agree bool `json:"agree"`
	// Text says it in a sentence.
	Text string `json:"text"`
}

// OpenBooks reads what the target has sold until now: from its books with an
// admin's rights, or else from its concerts. An error is that of the context.
func (in *Instance) OpenBooks(ctx context.Context, o Options) (*Books, error) {
	b := &Books{tally: in.Tally, o: o}
	api, err := o.client()
	if err != nil {
		return nil, err
	}
	defer api.Close()
	if books, err := api.Books(ctx); err == nil {
		b.audited, b.known, b.before = true, true, map[int64]int64{}
		for _, line := range books.Concerts {
			b.before[line.ConcertID] = line.Purchased
		}
		return b, nil
	}
	// What a run just before this one has sold must be in the list.
	timer := time.NewTimer(listAge)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, fmt.Errorf("open books: %w", ctx.Err())
	}
	if s, err := readStock(ctx, api); err == nil && s.known {
		b.known, b.before = true, map[int64]int64{}
		for _, c := range s.concerts {
			b.before[c.ID] = c.Sold
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open books: %w", err)
	}
	return b, nil
}

// Close reads what the target has sold since, and compares. An error is one of the
// reading: then nothing can be said.
func (b *Books) Close(ctx context.Context) (Audit, error) {
	counts := b.tally.Counts()
	a := Audit{Told: counts.Tickets, Unsure: counts.UnsureTickets}
	bought := b.tally.byConcert()
	if !b.known {
		a.Text = format.Count(a.Told) + " tickets were told sold; the target does not say how many it has sold"
		return a, nil
	}
	api, err := b.o.client()
	if err != nil {
		return Audit{}, err
	}
	defer api.Close()
	after, unbalanced, err := b.read(ctx, api, bought)
	if err != nil {
		return Audit{}, fmt.Errorf("close books: %w", err)
	}
	a.Known, a.Unbalanced, a.Told, a.Unsure = true, unbalanced, 0, 0
	for id, s := range bought {
		booked := after[id] - b.before[id]
		a.Booked += booked
		a.Told += s.told
		a.Unsure += s.unsure
		a.Missing += max(s.told-booked, 0)
		a.Extra += max(booked-s.told-s.unsure, 0)
	}
	a.Agree = a.Missing == 0 && a.Extra == 0 && a.Unbalanced == 0
	a.Text = a.sentence()
	return a, nil
}

// read returns how many tickets of the concerts are sold now, and by how much
// the target disagrees with itself as far as that can be seen.
func (b *Books) read(ctx context.Context, api *client.Client, bought map[int64]sold) (after map[int64]int64, unbalanced int64, err error) {
	after = make(map[int64]int64, len(bought))
	if b.audited {
		books, err := api.Books(ctx)
		if err != nil {
			return nil, 0, err
		}
		for _, line := range books.Concerts {
			if _, ok := bought[line.ConcertID]; ok {
				after[line.ConcertID] = line.Purchased
				unbalanced += line.Difference()
			}
		}
		return after, unbalanced, nil
	}
	for id := range bought {
		// Each by itself: the list may be a moment older than the last sale.
		c, err := api.Concert(ctx, id)
		if err != nil && !errors.Is(err, sale.ErrNotFound) {
			return nil, 0, err
		}
		after[id] = c.Sold
		unbalanced += max(c.Sold-c.Capacity, 0)
	}
	return after, unbalanced, nil
}

// sentence says what the comparison comes to.
func (a Audit) sentence() string {
	text := fmt.Sprintf("%s tickets were told sold, %s stand in the books", format.Count(a.Told), format.Count(a.Booked))
	switch {
	case a.Missing > 0:
		text += fmt.Sprintf("; %s that were told sold are missing there, unless somebody gave tickets back", format.Count(a.Missing))
	case a.Extra > 0:
		text += "; somebody else has bought " + format.Count(a.Extra)
		if a.Unsure > 0 {
			text += " or more"
		}
	case a.Booked > a.Told:
		text += fmt.Sprintf("; %s are of purchases whose answer was not seen, which asked for %s", format.Count(a.Booked-a.Told), format.Count(a.Unsure))
	}
	if a.Unbalanced > 0 {
		text += "; the target's own figures disagree by " + format.Count(a.Unbalanced)
	}
	return text
}
