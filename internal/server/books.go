package server

import (
	"context"
	"fmt"
)

// Books compares the counters of tickets sold with the purchases. All numbers except the
// ids are tickets.
type Books struct {
	Balanced   bool           `json:"balanced" doc:"Whether the ledger balances: tickets sold equal tickets on receipts."`
	Difference int64          `json:"difference" minimum:"0" doc:"Sum of the differences of all concerts, in tickets; 0 if the ledger balances."`
	Capacity   int64          `json:"capacity" minimum:"0" doc:"Total capacity of all concerts, in tickets."`
	Sold       int64          `json:"sold" minimum:"0" doc:"Sum of the counters of all concerts."`
	Purchased  int64          `json:"purchased" minimum:"0" doc:"Tickets on all receipts that were not refunded."`
	Concerts   []ConcertBooks `json:"concerts" nullable:"false"`
}

// ConcertBooks is the line of one concert in the [Books].
type ConcertBooks struct {
	ConcertID  int64 `json:"concert_id" minimum:"1"`
	Capacity   int64 `json:"capacity" minimum:"1"`
	Sold       int64 `json:"sold" minimum:"0" doc:"The concert's counter of tickets sold."`
	Purchased  int64 `json:"purchased" minimum:"0" doc:"Tickets on the concert's receipts that were not refunded."`
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
