package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

// Purchase is a purchase in an answer.
type Purchase struct {
	PurchaseID uuid.UUID  `json:"purchase_id" format:"uuid"`
	ConcertID  int64      `json:"concert_id" minimum:"1"`
	UserEmail  string     `json:"user_email"`
	Quantity   int        `json:"quantity" minimum:"1"`
	CreatedAt  time.Time  `json:"created_at"`
	RefundedAt *time.Time `json:"refunded_at,omitempty" doc:"When the purchase was refunded. Absent if it was not."`
}

func purchaseView(p sale.Purchase) Purchase {
	view := Purchase{
		PurchaseID: p.ID, ConcertID: p.ConcertID, UserEmail: p.Email, Quantity: p.Quantity,
		CreatedAt: p.CreatedAt.UTC(),
	}
	if !p.Live() {
		at := p.RefundedAt.UTC()
		view.RefundedAt = &at
	}
	return view
}

type purchaseInput struct {
	ID uuid.UUID `path:"id" format:"uuid" doc:"The purchase_id from the receipt."`
}

type purchaseOutput struct {
	CacheControl string `header:"Cache-Control" hidden:"true"`
	Body         Purchase
}

// private returns an answer with a purchase that caches must not store.
func private(p sale.Purchase) *purchaseOutput { return &purchaseOutput{"no-store", purchaseView(p)} }

// getPurchase reads one purchase.
func (s *Server) getPurchase(ctx context.Context, in *purchaseInput) (*purchaseOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	p, err := s.options.Ledger.Purchase(ctx, in.ID)
	if errors.Is(err, sale.ErrNotFound) {
		return nil, purchaseNotFound.problem()
	}
	if err != nil {
		return nil, fmt.Errorf("read purchase: %w", err)
	}
	return private(p), nil
}

// refundPurchase gives a purchase's tickets back.
func (s *Server) refundPurchase(ctx context.Context, in *purchaseInput) (*purchaseOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	p, err := s.refund(ctx, in.ID)
	if errors.Is(err, sale.ErrNotFound) {
		return nil, purchaseNotFound.problem()
	}
	if err != nil {
		return nil, placed(fmt.Errorf("refund purchase: %w", err), in.ID)
	}
	return private(p), nil
}

// The maximum number of attempts at a refund, and the pause before the second one. The
// pause doubles with each attempt.
const (
	refundTries = 6
	refundPause = 5 * time.Millisecond
)

// refund refunds a purchase. It retries after a conflict with another writer, or if the
// connection broke during the write, which is safe because a purchase is refunded only
// once. After an attempt of unknown outcome, every later failure is reported as an
// unknown outcome too.
func (s *Server) refund(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	pause, unknown := refundPause, false
	for try := 1; ; try++ {
		p, err := s.options.Ledger.Refund(ctx, id)
		unknown = unknown || errors.Is(err, sale.ErrOutcomeUnknown)
		if err != nil && unknown && !errors.Is(err, sale.ErrNotFound) {
			err = fmt.Errorf("%w: %v", sale.ErrOutcomeUnknown, err) //nolint:errorlint // the later failure is deliberately not wrapped
		}
		again := errors.Is(err, sale.ErrConflict) || errors.Is(err, sale.ErrOutcomeUnknown)
		if !again || try == refundTries {
			return p, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return p, err // more informative than the context's error
		}
		pause *= 2
	}
}

type listPurchasesInput struct {
	After     uuid.UUID `query:"after" format:"uuid" doc:"Return only purchases whose id is greater than this."`
	Limit     int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Maximum number of purchases."`
	ConcertID int64     `query:"concert_id" minimum:"1" doc:"Return only purchases of this concert."`
}

type listPurchasesOutput struct {
	CacheControl string     `header:"Cache-Control" hidden:"true"`
	Link         string     `header:"Link" doc:"The path of the next page, as rel=next."`
	Body         []Purchase `nullable:"false"`
}

// listPurchases lists purchases in order of id, which is the order of time.
func (s *Server) listPurchases(ctx context.Context, in *listPurchasesInput) (*listPurchasesOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	list, err := s.options.Ledger.Purchases(ctx, in.ConcertID, in.After, in.Limit+1)
	if err != nil {
		return nil, fmt.Errorf("list purchases: %w", err)
	}
	out := &listPurchasesOutput{CacheControl: "no-store"}
	if len(list) > in.Limit { // one more was read, so there is another page
		list = list[:in.Limit]
		out.Link = fmt.Sprintf("/purchases?after=%s&limit=%d", list[in.Limit-1].ID, in.Limit)
		if in.ConcertID != 0 {
			out.Link += fmt.Sprintf("&concert_id=%d", in.ConcertID)
		}
		out.Link = "<" + out.Link + `>; rel="next"`
	}
	out.Body = make([]Purchase, len(list))
	for i, p := range list {
		out.Body[i] = purchaseView(p)
	}
	return out, nil
}
