package scenario

import (
	"context"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// The buyer of the Locust files that these scenarios replace.
const (
	// listings and purchases are the weights of the buyer's tasks.
	listings, purchases = 3, 1
	// maxTickets is the most tickets of one purchase; the least is 1.
	maxTickets = 5
	// leastWait and mostWait limit the wait between two tasks.
	leastWait, mostWait = time.Second, 3 * time.Second
	// paymentTakes is the mean duration of the payment step that the default fault plan
	// simulates, 1 to 4 s. It is used to estimate how long tickets will last.
	paymentTakes = 2500 * time.Millisecond

	ticketsATask = purchases * (1 + maxTickets) / 2.0 / (listings + purchases)
	buyerTakes   = (leastWait+mostWait)/2 + purchases*paymentTakes/(listings+purchases)
)

// buildTickets fills in a scenario whose paths of purchases begin with
// buy.
func buildTickets(in *Instance, buy string) {
	in.offers = newOffers(buy)
	in.Scenario.Kinds = []stress.Kind{{
		Name: "buyer", Weight: 1, Wait: stress.Between(leastWait, mostWait),
		Join: func(u *stress.User) stress.Part { return newBuyer(in, u, buy+"[id]").part() },
	}}
}

// buyer requests the list of concerts, remembers their ids, and buys tickets of a random
// one, sold out or not.
type buyer struct {
	user      *stress.User
	offers    *offers
	purchaser *purchaser
	list      stress.Call
	// seen is the last list; nil before the first.
	seen *offer
}

func newBuyer(in *Instance, u *stress.User, name string) *buyer {
	b := &buyer{user: u, offers: in.offers, purchaser: newPurchaser(u, in.Tally, name)}
	b.list = stress.Call{Name: nameList, Request: wire.Request{Method: "GET", Path: "/concerts"}, Judge: b.judgeList}
	return b
}

func (b *buyer) part() stress.Part {
	return stress.Part{Tasks: []stress.Task{{Weight: listings, Do: b.look}, {Weight: purchases, Do: b.buy}}}
}

// look requests the list of concerts and remembers it.
func (b *buyer) look(ctx context.Context) { b.user.Do(ctx, &b.list) }

func (b *buyer) judgeList(r *wire.Response) stats.Outcome {
	seen, outcome := b.offers.judgeList(r)
	if seen != nil {
		b.seen = seen
	}
	return outcome
}

// buy buys tickets. A buyer without a list requests that first, so that one in four tasks
// is a purchase from the beginning; if the list is empty, it buys nothing.
func (b *buyer) buy(ctx context.Context) {
	if b.seen == nil || len(b.seen.ids) == 0 {
		if b.look(ctx); b.seen == nil || len(b.seen.ids) == 0 || ctx.Err() != nil {
			return
		}
	}
	which := b.user.Rand.IntN(len(b.seen.ids))
	quantity := 1 + b.user.Rand.IntN(maxTickets)
	b.purchaser.buy(ctx, b.seen.paths[which], b.seen.ids[which], quantity)
}
