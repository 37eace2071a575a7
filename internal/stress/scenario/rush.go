package scenario

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// What the users of a rush do.
const (
	// maxRush is the most tickets of one purchase; the least is 1.
	maxRush = 4
	// leastRush and mostRush limit the waits while there are tickets: the time it
	// takes to press a button again.
	leastRush, mostRush = 50 * time.Millisecond, 250 * time.Millisecond
	// leastGone and mostGone limit the waits once all tickets are sold.
	leastGone, mostGone = 2 * time.Second, 8 * time.Second

	rushATask = (1 + maxRush) / 2.0
	rushTakes = (leastRush+mostRush)/2 + paymentTakes
)

// errNoConcert makes a user wait until there is a concert.
var errNoConcert = errors.New("the target has no concert")

func buildRush(in *Instance) {
	const buy = "/buy/"
	in.offers = newOffers(buy)
	in.Scenario.SpawnAtOnce = true
	hurried, calm := stress.Between(leastRush, mostRush), stress.Between(leastGone, mostGone)
	in.Scenario.Kinds = []stress.Kind{{
		Name: "fan", Weight: 1,
		// Most users are in the middle of a purchase when the last ticket is sold, and
		// its answer slows them down; so it matters little that another user's answer slows
		// down those that are waiting.
		Wait: func(random *rand.Rand, due, ended time.Time) (time.Time, bool) {
			if in.soldOut.Load() {
				return calm(random, due, ended)
			}
			return hurried(random, due, ended)
		},
		Join: func(u *stress.User) stress.Part { return newFan(in, u, buy).part() },
	}}
}

// fan buys tickets of one concert until an answer says that all are sold. Then
// it requests the list of concerts from time to time, and buys again if tickets were returned.
type fan struct {
	in        *Instance
	user      *stress.User
	purchaser *purchaser
	list      stress.Call

	concert int64 // 0 if unknown
	path    string
	// soldOut is set after this fan's own answer says so; most is the most tickets that it buys.
	soldOut bool
	most    int
}

func newFan(in *Instance, u *stress.User, buy string) *fan {
	f := &fan{in: in, user: u, purchaser: newPurchaser(u, in.Tally, buy+"[id]"), most: maxRush}
	f.list = stress.Call{Name: nameList, Request: wire.Request{Method: "GET", Path: "/concerts"}, Judge: f.judgeList}
	f.want(in.wanted.Load())
	return f
}

func (f *fan) part() stress.Part {
	return stress.Part{Start: f.start, Tasks: []stress.Task{{Weight: 1, Do: f.act}}}
}

func (f *fan) want(concert int64) {
	if f.concert = concert; concert != 0 {
		f.path = f.in.offers.buy + strconv.FormatInt(concert, 10)
	}
}

// start finds the newest concert, unless the concert is known.
func (f *fan) start(ctx context.Context) error {
	if f.concert == 0 {
		f.user.Do(ctx, &f.list)
	}
	if f.concert == 0 {
		return errNoConcert
	}
	return nil
}

func (f *fan) act(ctx context.Context) {
	if f.soldOut {
		f.user.Do(ctx, &f.list)
		return
	}
	f.purchaser.buy(ctx, f.path, f.concert, 1+f.user.Rand.IntN(f.most))
	if f.purchaser.result == isSoldOut {
		f.seeLeft(f.purchaser.left)
	}
}

// judgeList finds the newest concert in a list of concerts, and later how many
// tickets of the one concert are left.
func (f *fan) judgeList(r *wire.Response) stats.Outcome {
	seen, outcome := f.in.offers.judgeList(r)
	switch {
	case seen == nil:
	case f.concert == 0:
		var newest int64
		for _, id := range seen.ids {
			newest = max(newest, id)
		}
		f.want(newest)
	default:
		if left, known := scanLeft(r.Body, f.concert); known {
			f.seeLeft(left)
		}
	}
	return outcome
}

// seeLeft records how many tickets are left. The fan does not request more than that
// the next time.
func (f *fan) seeLeft(left int64) {
	f.soldOut = left <= 0
	f.in.soldOut.Store(f.soldOut)
	if !f.soldOut {
		f.most = int(min(left, maxRush))
	}
}
