package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"onsale/internal/problem"
	"onsale/internal/sale"
)

// pageSize is the number of concerts or purchases on one page of a list.
const pageSize = 1000

// wireConcert is a concert in an answer. In lists of the earlier service it has only an
// id.
type wireConcert struct {
	ID              int64  `json:"id"`
	Title           string `json:"title"`
	Date            string `json:"date"`
	Venue           string `json:"venue"`
	Capacity        int64  `json:"capacity"`
	NumberOfTickets int64  `json:"number_of_tickets"`
	Sold            int64  `json:"sold"`
}

func (w wireConcert) concert() sale.Concert {
	return sale.Concert{
		ID: w.ID, Title: w.Title, Date: w.Date, Venue: w.Venue,
		Capacity: cmp.Or(w.Capacity, w.NumberOfTickets), Sold: w.Sold,
	}
}

// Concerts lists all concerts in order of id, page by page. An error ends the list.
// CreatedAt is not set.
func (c *Client) Concerts(ctx context.Context) iter.Seq2[sale.Concert, error] {
	return pages(func(after int64) ([]sale.Concert, bool, error) {
		var list []wireConcert
		var page []sale.Concert
		header, err := c.do(ctx, call{
			method: http.MethodGet, path: "/concerts", want: http.StatusOK, list: true, into: &list,
			query: url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(pageSize)}},
			check: func() error {
				for _, w := range list {
					if w.ID < 1 {
						return errors.New("a concert has no id")
					}
					page = append(page, w.concert())
				}
				return nil
			},
		})
		return page, hasNext(header), err
	}, func(c sale.Concert) int64 { return c.ID }, cmp.Compare)
}

// errCircle: a page has an id of an earlier page.
var errCircle = errors.New("list repeats an earlier page")

// pages lists the entries of all pages. The function read gets the last id of the previous
// page, and reports whether there is another page.
func pages[T, ID any](
	read func(after ID) (page []T, more bool, err error), id func(T) ID, compare func(a, b ID) int,
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after, more := *new(ID), true; more; {
			page, next, err := read(after)
			for _, one := range page {
				if !yield(one, nil) {
					return
				}
			}
			if more = next && len(page) > 0; more {
				last := id(page[len(page)-1])
				if compare(last, after) <= 0 {
					err = errCircle
				}
				after = last
			}
			if err != nil {
				yield(*new(T), err)
				return
			}
		}
	}
}

// Concert reads one concert. Error: sale.ErrNotFound.
func (c *Client) Concert(ctx context.Context, id int64) (sale.Concert, error) {
	return c.oneConcert(ctx, call{method: http.MethodGet, path: fmt.Sprintf("/concerts/%d", id)})
}

// CreateConcert puts a concert on sale. Errors: ErrAdmin, *field.Error.
func (c *Client) CreateConcert(ctx context.Context, n sale.NewConcert) (sale.Concert, error) {
	concert, err := c.oneConcert(ctx, call{
		method: http.MethodPost, path: "/concerts/new", admin: true,
		body: map[string]any{"title": n.Title, "date": n.Date, "venue": n.Venue, "number_of_tickets": n.Capacity},
	})
	if err == nil && concert.Capacity == 0 { // the earlier service returned only id and title
		concert.Date, concert.Venue, concert.Capacity = n.Date, n.Venue, n.Capacity
	}
	return concert, err
}

// oneConcert makes a call whose answer is a concert.
func (c *Client) oneConcert(ctx context.Context, k call) (sale.Concert, error) {
	var w wireConcert
	k.want, k.into = http.StatusOK, &w
	k.check = func() error {
		if w.ID < 1 {
			return errors.New("the concert has no id")
		}
		return nil
	}
	if _, err := c.do(ctx, k); err != nil {
		return sale.Concert{}, err
	}
	return w.concert(), nil
}

// BuyRequest is a request to buy tickets.
type BuyRequest struct {
	ConcertID int64
	Email     string
	Quantity  int
	// Key is the Idempotency-Key; empty for none. A request without an answer can be
	// retried safely only if it has a key.
	Key string
	// RandomDeny selects the call that denies some purchases at random.
	RandomDeny bool
}

// Buy buys tickets. The outcome is Sold, Replayed, SoldOut, NotFound or KeyReused. An
// error means that nothing was sold, except for sale.ErrOutcomeUnknown: the client got no
// answer, or the server itself does not know the outcome. Further errors:
// fault.ErrDenied, fault.ErrInjected, sale.ErrBusy, sale.ErrStopping,
// sale.ErrUnavailable, sale.ErrRefused, *field.Error.
func (c *Client) Buy(ctx context.Context, b BuyRequest) (sale.Outcome, error) {
	var w wirePurchase
	k := call{
		method: http.MethodPost, path: fmt.Sprintf("/buy/%d", b.ConcertID), want: http.StatusOK, into: &w,
		body: map[string]any{"user_email": b.Email, "quantity": b.Quantity},
		check: func() error {
			if w.Status != "success" || w.ConcertID != b.ConcertID || w.Quantity != b.Quantity {
				return errors.New("the receipt does not match the order")
			}
			return nil
		},
	}
	if b.RandomDeny {
		k.path = fmt.Sprintf("/buy_random_deny/%d", b.ConcertID)
	}
	if b.Key != "" {
		k.header = http.Header{"Idempotency-Key": {b.Key}}
	}
	_, err := c.do(ctx, k)
	if answered, ok := errors.AsType[*Error](err); ok {
		if outcome, ok := answered.outcome(); ok {
			return outcome, nil
		}
	}
	if err != nil {
		return sale.Outcome{}, err
	}
	outcome := sale.Outcome{Status: sale.Sold, Purchase: w.purchase()}
	if w.Replayed {
		outcome.Status = sale.Replayed
	}
	outcome.Purchase.Email, outcome.Purchase.Key = b.Email, b.Key
	return outcome, nil
}

// outcome returns the outcome of a purchase for an answer that is one.
func (e *Error) outcome() (sale.Outcome, bool) {
	switch {
	case e.Code == problem.CodeSoldOut:
		return sale.Outcome{Status: sale.SoldOut, Left: e.left}, true
	case e.Code == problem.CodeKeyReused:
		return sale.Outcome{Status: sale.KeyReused}, true
	case e.Code == problem.CodeNotFound && e.Message == problem.MessageConcertNotFound:
		return sale.Outcome{Status: sale.NotFound}, true
	}
	return sale.Outcome{}, false
}

// wirePurchase is a purchase or a receipt in an answer.
type wirePurchase struct {
	PurchaseID uuid.UUID `json:"purchase_id"`
	ConcertID  int64     `json:"concert_id"`
	UserEmail  string    `json:"user_email"`
	Quantity   int       `json:"quantity"`
	CreatedAt  time.Time `json:"created_at"`
	RefundedAt time.Time `json:"refunded_at"`
	// Only receipts have Status and Replayed.
	Status   string `json:"status"`
	Replayed bool   `json:"replayed"`
}

func (w wirePurchase) purchase() sale.Purchase {
	return sale.Purchase{
		ID: w.PurchaseID, ConcertID: w.ConcertID, Email: w.UserEmail, Quantity: w.Quantity,
		CreatedAt: w.CreatedAt, RefundedAt: w.RefundedAt,
	}
}
