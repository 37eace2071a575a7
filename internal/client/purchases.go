package client

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"onsale/internal/sale"
)

// Purchase reads one purchase. Error: sale.ErrNotFound.
func (c *Client) Purchase(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	return c.onePurchase(ctx, http.MethodGet, id)
}

// Refund refunds a purchase. It is idempotent. Errors: sale.ErrNotFound,
// sale.ErrOutcomeUnknown (retry it).
func (c *Client) Refund(ctx context.Context, id uuid.UUID) (sale.Purchase, error) {
	return c.onePurchase(ctx, http.MethodDelete, id)
}

func (c *Client) onePurchase(ctx context.Context, method string, id uuid.UUID) (sale.Purchase, error) {
	var w wirePurchase
	_, err := c.do(ctx, call{
		method: method, path: "/purchases/" + id.String(), want: http.StatusOK, into: &w,
		check: func() error {
			switch {
			case w.PurchaseID != id:
				return errors.New("the purchase_id is not the requested one")
			case method == http.MethodDelete && w.RefundedAt.IsZero():
				return errors.New("the purchase was not refunded")
			}
			return nil
		},
	})
	if err != nil {
		return sale.Purchase{}, err
	}
	return w.purchase(), nil
}

// Purchases lists purchases in order of id, page by page. If concertID is not 0, it lists
// only those of that concert. An error, such as ErrAdmin, ends the list.
func (c *Client) Purchases(ctx context.Context, concertID int64) iter.Seq2[sale.Purchase, error] {
	return pages(func(after uuid.UUID) ([]sale.Purchase, bool, error) {
		query := url.Values{"after": {after.String()}, "limit": {strconv.Itoa(pageSize)}}
		if concertID != 0 {
			query.Set("concert_id", strconv.FormatInt(concertID, 10))
		}
		var list []wirePurchase
		var page []sale.Purchase
		header, err := c.do(ctx, call{
			method: http.MethodGet, path: "/purchases", query: query, admin: true, want: http.StatusOK, list: true, into: &list,
			check: func() error {
				for _, w := range list {
					if w.PurchaseID == uuid.Nil {
						return errors.New("a purchase has no id")
					}
					page = append(page, w.purchase())
				}
				return nil
			},
		})
		return page, hasNext(header), err
	}, func(p sale.Purchase) uuid.UUID { return p.ID },
		func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
}
