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

// listAge is the greatest age of a list of concerts, with a margin: Onsale
// answers with a list that is up to 250 ms old.
const listAge = 300 * time.Millisecond

// Books compares the purchases that the target confirmed with those that it recorded. Open the books before a run
// and close them after it.
type Books struct {
	tally *Tally
	o     Options
	// before is the number of tickets sold of each concert before the run. If audited is set, it is
	// the sum of the purchases, which only admins can read; otherwise it is the concert's
	// counter. known is set if the target has either.
	before         map[int64]int64
	audited, known bool
}

// Audit is the result of the comparison. All numbers are tickets of concerts that users bought from.
type Audit struct {
	// Known is set if the target returned figures to compare with.
	Known bool `json:"known"`
	// Told is the number of tickets that answers confirmed as sold, and Booked the number that the target
	// recorded since the books were opened.
	Told   int64 `json:"told"`
	Booked int64 `json:"booked"`
	// Unsure is the number of tickets in purchases of unknown outcome: the target can have sold them or not.
	Unsure int64 `json:"unsure"`
	// Missing is the number of tickets that were confirmed as sold but not recorded.
	Missing int64 `json:"missing"`
	// Extra is the number of recorded tickets that were neither confirmed nor unsure: another client bought them.
	Extra int64 `json:"extra"`
	// Unbalanced is the difference between the target's own counters and purchases,
	// or the number of tickets sold beyond the capacity.
	Unbalanced int64 `json:"unbalanced"`
	// Agree is set if every ticket that was confirmed as sold is recorded, and no others are.
	Agree bool `json:"agree"`
	// Text is the result in one sentence.
	Text string `json:"text"`
}

// OpenBooks reads how many tickets the target has sold so far: from GET /books if the token is that of an
// admin, otherwise from its concerts. It returns an error only if the context ends or the target is invalid.
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
	// The list must include the sales of a run that ended just before this one.
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

// Close reads how many tickets the target has sold since, and compares. It returns an error if it
// cannot read that.
func (b *Books) Close(ctx context.Context) (Audit, error) {
	counts := b.tally.Counts()
	a := Audit{Told: counts.Tickets, Unsure: counts.UnsureTickets}
	bought := b.tally.byConcert()
	if !b.known {
		a.Text = format.Count(a.Told) + " tickets were confirmed as sold; the target does not report how many it has sold"
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

// read returns how many tickets of the concerts are sold now, and the difference between
// the target's own figures, as far as it is visible.
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
		// One call for each: the list can be older than the last sale.
		c, err := api.Concert(ctx, id)
		if err != nil && !errors.Is(err, sale.ErrNotFound) {
			return nil, 0, err
		}
		after[id] = c.Sold
		unbalanced += max(c.Sold-c.Capacity, 0)
	}
	return after, unbalanced, nil
}

// sentence describes the result.
func (a Audit) sentence() string {
	text := fmt.Sprintf("%s tickets were confirmed as sold, %s are in the books", format.Count(a.Told), format.Count(a.Booked))
	switch {
	case a.Missing > 0:
		text += fmt.Sprintf("; %s confirmed ones are missing there, unless tickets were returned", format.Count(a.Missing))
	case a.Extra > 0:
		text += "; other clients bought " + format.Count(a.Extra)
		if a.Unsure > 0 {
			text += " or more"
		}
	case a.Booked > a.Told:
		text += fmt.Sprintf("; %s are from purchases of unknown outcome, which were for %s", format.Count(a.Booked-a.Told), format.Count(a.Unsure))
	}
	if a.Unbalanced > 0 {
		text += "; the target's own figures differ by " + format.Count(a.Unbalanced)
	}
	return text
}
