package server

import (
	"context"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"onsale/internal/sale"
)

// idempotencyKey is the header with the buyer's own name for an order.
const idempotencyKey = "Idempotency-Key"

// buyRequest is the body of both buy calls.
type buyRequest struct {
	UserEmail text    `json:"user_email" format:"email" maxLength:"254"`
	Quantity  integer `json:"quantity" minimum:"1" doc:"Number of tickets."`
}

func (b *buyRequest) invalid() (errs []error) {
	errs = appendInvalid(errs, "user_email", b.UserEmail.rule())
	return appendInvalid(errs, "quantity", b.Quantity.rule())
}

type buyInput struct {
	ConcertID int64  `path:"concert_id" minimum:"1"`
	Key       string `header:"Idempotency-Key" doc:"A unique name for this order, 1 to 255 visible ASCII characters. A request that repeats key and order gets the first receipt. Use a value that nobody can guess, such as a random UUID: anyone who knows the key and the order gets the receipt, and its purchase_id allows a refund."`

	body buyRequest
}

// Resolve reads the body, and rejects a key that is empty or repeated. Huma would
// treat an empty key as absent, and use the first of several.
func (in *buyInput) Resolve(ctx huma.Context) []error {
	errs := decodeBody(ctx, &in.body)
	r, _ := humago.Unwrap(ctx)
	if keys := r.Header[idempotencyKey]; len(keys) > 1 || len(keys) == 1 && keys[0] == "" {
		errs = append(errs, &huma.ErrorDetail{Location: "header." + idempotencyKey, Message: "must be sent only once and must not be empty"})
	}
	return errs
}

func (in *buyInput) order() sale.Order {
	return sale.Order{ConcertID: in.ConcertID, Email: in.body.UserEmail.value, Quantity: in.body.Quantity.value, Key: in.Key}
}

type buyOutput struct{ Body *receipt }

// receipt is the answer to a purchase that was sold.
type receipt struct {
	ConcertID  int64     `json:"concert_id" minimum:"1"`
	Quantity   int       `json:"quantity" minimum:"1"`
	Status     string    `json:"status" enum:"success"`
	PurchaseID uuid.UUID `json:"purchase_id" format:"uuid" doc:"Proof of purchase. Anyone who has it can read and refund the purchase."`
	UserEmail  string    `json:"user_email"`
	CreatedAt  time.Time `json:"created_at"`
	RefundedAt time.Time `json:"refunded_at,omitzero" doc:"When the purchase was refunded. Present only if a key is repeated after the refund."`
	Replayed   bool      `json:"replayed,omitempty" doc:"true if an earlier request with the same Idempotency-Key made the purchase."`
}

// appendJSON encodes the receipt.
func (r *receipt) appendJSON(buf []byte) []byte {
	buf = appendInt(buf, `{"concert_id":`, r.ConcertID)
	buf = appendInt(buf, `,"quantity":`, int64(r.Quantity))
	buf = appendText(buf, `,"status":`, r.Status)
	buf = append(buf, `,"purchase_id":"`...)
	buf = append(buf, r.PurchaseID.String()...)
	buf = appendText(buf, `","user_email":`, r.UserEmail)
	buf = appendTime(buf, `,"created_at":`, r.CreatedAt)
	if !r.RefundedAt.IsZero() {
		buf = appendTime(buf, `,"refunded_at":`, r.RefundedAt)
	}
	if r.Replayed {
		buf = append(buf, `,"replayed":true`...)
	}
	return append(buf, '}')
}

// outcome returns the metric label for this receipt.
func (r *receipt) outcome() outcome {
	if r.Replayed {
		return outcomeReplayed
	}
	return outcomeSold
}

// buy returns the handler of a buy call. The two buy calls differ only in the faults
// that the plan injects.
func (s *Server) buy(route string) func(context.Context, *buyInput) (*buyOutput, error) {
	return func(ctx context.Context, in *buyInput) (*buyOutput, error) {
		sold, err := s.sell(ctx, route, in.order())
		if err != nil {
			return nil, err
		}
		switch sold.Status {
		case sale.Sold, sale.Replayed:
			p := sold.Purchase
			return &buyOutput{&receipt{
				ConcertID: p.ConcertID, Quantity: p.Quantity, Status: "success", PurchaseID: p.ID,
				UserEmail: p.Email, CreatedAt: p.CreatedAt.UTC(), RefundedAt: p.RefundedAt, Replayed: sold.Status == sale.Replayed,
			}}, nil
		case sale.SoldOut:
			left, p := sold.Left, soldOut.problem()
			p.Available = &left
			return nil, p
		case sale.NotFound:
			return nil, concertNotFound.problem()
		case sale.KeyReused:
			return nil, keyReused.problem()
		}
		return nil, fmt.Errorf("sell: status %d", sold.Status)
	}
}

// sell makes a purchase. A key that has already bought is answered before any fault is
// injected. No database connection is held during the injected delay.
func (s *Server) sell(ctx context.Context, route string, o sale.Order) (sale.Outcome, error) {
	if err := o.Check(s.options.MaxPerPurchase); err != nil {
		return sale.Outcome{}, fmt.Errorf("check order: %w", err)
	}
	if o.Key != "" {
		known, ok, err := s.known(ctx, o)
		if ok || err != nil {
			return known, err
		}
	}
	if err := s.options.Seller.Ready(); err != nil { // before the delay, so that buyers get the error at once
		return sale.Outcome{}, fmt.Errorf("sell: %w", err)
	}
	if err := s.strike(ctx, route); err != nil {
		return sale.Outcome{}, err
	}
	id, err := sale.NewID()
	if err != nil {
		return sale.Outcome{}, err
	}
	o.ID = id
	start := s.options.Now()
	sold, err := s.options.Seller.Buy(ctx, o)
	s.metrics.saleDuration.Observe(s.options.Now().Sub(start).Seconds())
	if err != nil {
		return sale.Outcome{}, placed(fmt.Errorf("sell: %w", err), id)
	}
	return sold, nil
}

// known looks up the earlier purchase with the order's key.
func (s *Server) known(ctx context.Context, o sale.Order) (sale.Outcome, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, knownLimit)
	defer cancel()
	return s.options.Seller.Known(ctx, o)
}
