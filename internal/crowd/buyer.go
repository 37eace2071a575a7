package crowd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"onsale/internal/client"
	"onsale/internal/fault"
	"onsale/internal/sale"
	"onsale/internal/stress"
)

const (
	// looksPerPurchase is how many times as often a buyer lists the concerts as it
	// buys.
	looksPerPurchase = 3
	// maxTickets is the maximum number of tickets in one purchase.
	maxTickets = 5
	// addresses is the number of different buyers: testuser_1@example.com and so
	// on.
	addresses = 10_000
)

// buyer is a user who lists the concerts and buys tickets.
type buyer struct {
	api   *client.Client
	tally *tally
	offer *offer
	dice  *rand.Rand
	// randomDeny makes the buyer use the route that denies some purchases.
	randomDeny bool
	// seen are the concerts that were on offer when the buyer last listed them.
	seen []int64
}

var _ visitor = (*buyer)(nil)

func (c *Crowd) newBuyer(u *stress.User, randomDeny bool) *buyer {
	return &buyer{api: c.api, tally: c.tally, offer: c.offer, dice: u.Rand, randomDeny: randomDeny}
}

func (b *buyer) tasks() []stress.Task {
	return []stress.Task{{Weight: looksPerPurchase, Do: b.look}, {Weight: 1, Do: b.choose}}
}

// choose buys tickets, or lists the concerts if the buyer knows none with tickets
// left.
func (b *buyer) choose(ctx context.Context) {
	quantity := 1 + b.dice.IntN(maxTickets)
	if id, ok := b.offer.take(b.dice, b.seen, quantity); ok {
		b.buy(ctx, id, quantity)
		return
	}
	b.look(ctx)
}

// leave does nothing, because a buyer leaves nothing to clean up.
func (b *buyer) leave(context.Context) {}

// look lists the concerts and remembers those on offer.
func (b *buyer) look(ctx context.Context) {
	concerts, err := concertsOf(ctx, b.api)
	if b.tally.count(ctx, err) && err == nil {
		b.seen = b.offer.list(concerts)
	}
}

// concertsOf returns all concerts.
func concertsOf(ctx context.Context, api *client.Client) ([]sale.Concert, error) {
	var all []sale.Concert
	for concert, err := range api.Concerts(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, concert)
	}
	return all, nil
}

// errNoConcert makes a purchase for a deleted concert count as failed.
var errNoConcert = errors.New("the concert is gone")

// buy buys tickets that were reserved in the offer.
func (b *buyer) buy(ctx context.Context, id int64, quantity int) {
	outcome, err := b.api.Buy(ctx, client.BuyRequest{
		ConcertID: id, Quantity: quantity, RandomDeny: b.randomDeny,
		Email: fmt.Sprintf("testuser_%d@example.com", 1+b.dice.IntN(addresses)),
	})
	sold := err == nil && (outcome.Status == sale.Sold || outcome.Status == sale.Replayed)
	b.offer.settle(id, quantity, sold || errors.Is(err, sale.ErrOutcomeUnknown))

	if err == nil && outcome.Status == sale.NotFound {
		err = fmt.Errorf("buy of concert %d: %w", id, errNoConcert)
	}
	refused := errors.Is(err, fault.ErrDenied)
	if refused {
		err = nil // a denial is a valid response, like sold out
	}
	if !b.tally.count(ctx, err) {
		return
	}
	switch {
	case refused:
		b.tally.denied.Add(1)
	case sold:
		b.tally.purchases.Add(1)
		b.tally.tickets.Add(int64(quantity))
	case err == nil && outcome.Status == sale.SoldOut:
		b.tally.soldOut.Add(1)
	}
}
