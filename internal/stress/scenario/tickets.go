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
	// looks and purchases are the weights of the buyer's tasks.
	looks, purchases = 3, 1
	// maxTickets is the most that one purchase asks for; the least is 1.
	maxTickets = 5
	// leastWait and mostWait are those between two tasks.
	leastWait, mostWait = time.Second, 3 * time.Second
	// paymentTakes is the mean of the payment step that the default fault plan
	// simulates, 1 to 4 s. How long tickets will last is estimated by it.
	paymentTakes = 2500 * time.Millisecond

	ticketsATask = purchases * (1 + maxTickets) / 2.0 / (looks + purchases)
	buyerTakes   = (leastWait+mostWait)/2 + purchases*paymentTakes/(looks+purchases)
)

// buildTickets fills in a scenario whose purchases are made at paths that begin
// so.
func buildTickets(in *Instance, buy string) {
	in.offers = newOffers(buy)
	in.Scenario.Kinds = []stress.Kind{{
		Name: "buyer", Weight: 1, Wait: stress.Between(leastWait, mostWait),
		Join: func(u *stress.User) stress.Part { return newBuyer(in, u, buy+"[id]").part() },
	}}
}

// buyer looks at the concerts, remembers their ids, and buys tickets of a random
// one, sold out or not.
type buyer struct {
	user      *stress.User
	offers    *offers
	purchaser *purchaser
	list      stress.Call
	// seen is what the buyer remembers; nil before the first look.
	seen *offer
}

func newBuyer(in *Instance, u *stress.User, name string) *buyer {
	b := &buyer{user: u, offers: in.offers, purchaser: newPurchaser(u, in.Tally, name)}
	b.list = stress.Call{Name: nameList, Request: wire.Request{Method: "GET", Path: "/concerts"}, Judge: b.judgeList}
	return b
}

func (b *buyer) part() stress.Part {
	return stress.Part{Tasks: []stress.Task{{Weight: looks, Do: b.look}, {Weight: purchases, Do: b.buy}}}
}

// look asks for the concerts and remembers them.
func (b *buyer) look(ctx context.Context) { b.user.Do(ctx, &b.list) }

func (b *buyer) judgeList(r *wire.Response) stats.Outcome {
	seen, outcome := b.offers.judgeList(r)
	if seen != nil {
		b.seen = seen
	}
	return outcome
}

// buy buys tickets. Who remembers no concert looks first, so that one purchase
// in four tasks remains one in four; who sees none then, buys nothing.
func (b *buyer) buy(ctx context.Context) {
	if b.seen == nil || len(b.seen.ids) == 0 {
		if b.look(ctx); b.seen == nil || len(b.seen.ids) == 0 || ctx.Err() != nil {
			return
		}
	}
	which := b.user.Dice.IntN(len(b.seen.ids))
	quantity := 1 + b.user.Dice.IntN(maxTickets)
	b.purchaser.buy(ctx, b.seen.paths[which], b.seen.ids[which], quantity)
}
