package server

import (
	"context"
	"fmt"
)

// Books says whether the counters and the purchases agree. All numbers but
// the ids are tickets.
type Books struct {
	Balanced   bool           `json:"balanced"`
	Difference int64          `json:"difference" minimum:"0" doc:"The sum over all concerts; 0 if the books balance."`
	Capacity   int64          `json:"capacity" minimum:"0"`
	Sold       int64          `json:"sold" minimum:"0"`
	Purchased  int64          `json:"purchased" minimum:"0"`
	Concerts   []ConcertBooks `json:"concerts" nullable:"false"`
}

// ConcertBooks is one concert's line in the [Books].
type ConcertBooks struct {
	ConcertID  int64 `json:"concert_id" minimum:"1"`
	Capacity   int64 `json:"capacity" minimum:"1"`
	Sold       int64 `json:"sold" minimum:"0" doc:"The concert's counter."`
	Purchased  int64 `json:"purchased" minimum:"0" doc:"The sum of the purchases that were not refunded."`
	Difference int64 `json:"difference" minimum:"0"`
}

type booksOutput struct{ Body Books }

// getBooks compares the counters with the purchases.
func (s *Server) getBooks(ctx context.Context, _ *struct{}) (*booksOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, booksLimit)
	defer cancel()
	books, err := s.options.Ledger.Books(ctx)
	if err != nil {
		return nil, fmt.Errorf("read books: %w", err)
	}
	out := Books{
		Balanced:   books.Difference() == 0,
		Difference: books.Difference(),
		Concerts:   make([]ConcertBooks, len(books.Concerts)),
	}
	for i, c := range books.Concerts {
		out.Capacity += c.Capacity
		out.Sold += c.Sold
		out.Purchased += c.Purchased
		out.Concerts[i] = ConcertBooks{c.ConcertID, c.Capacity, c.Sold, c.Purchased, c.Difference()}
	}
	return &booksOutput{out}, nil
}
