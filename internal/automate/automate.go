// Package automate is a polite client of the items API: it gets tokens, creates
// items and deletes them again, at a bounded rate, through whatever goes wrong.
//
// An [Automation] starts the life of one item after the other: create, then
// delete unless the item is to be kept. Calls that fail in passing are repeated
// with backoff and jitter. When it is told to stop it starts no more lives,
// waits for the calls in flight, deletes what is left, and sums up.
package automate

import (
	"context"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"onsale/internal/client"
)

// Limits of what is in flight and of the end.
const (
	// Lives in flight are as many as start within this time, so that the rate
	// is kept while each takes up to twice as long, and between these bounds.
	livesFor           = 10 * time.Second
	minLives, maxLives = 8, 1000
	// cleanupRate is the least rate, in calls a second, at which what is left
	// is deleted at the end: whoever pressed Ctrl-C is waiting.
	cleanupRate = 5
	// cleaners delete what is left.
	cleaners = 8
	// maxLeft is how many items are kept in mind to be deleted at the end.
	maxLeft = 100_000
	// flushLimit bounds the wait for the last calls to be recorded.
	flushLimit = 5 * time.Second
)

// API is what is called: a [client.Client].
type API interface {
	Token(ctx context.Context, user string) (token string, err error)
	CreateItem(ctx context.Context, who client.Credentials, body []byte) (id string, err error)
	DeleteItem(ctx context.Context, who client.Credentials, id string) error
}

var _ API = (*client.Client)(nil)

// Automation creates and deletes items. It runs once.
type Automation struct {
	api     API
	options Options
	limiter *rate.Limiter
	users   []*user
	stats   *stats

	mu   sync.Mutex
	dice *rand.Rand
	left []*kept // to be deleted at the end
}

// kept is an item that is there, as far as is known.
type kept struct {
	user *user
	id   string
	// unsure says that its deletion was asked for, and may have happened.
	unsure bool
}

// New returns an automation that calls the API.
func New(api API, o Options) (*Automation, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	seed := o.Seed
	if seed == 0 {
		seed = rand.Uint64()
	}
	a := &Automation{
		api: api, options: o,
		limiter: rate.NewLimiter(rate.Limit(o.Rate), 1),
		stats:   newStats(o.Now),
		dice:    rand.New(rand.NewPCG(seed, 0)),
	}
	for i := range o.Users {
		a.users = append(a.users, newUser(o.UserPrefix+strconv.Itoa(i+1)))
	}
	return a, nil
}

// Run creates and deletes items until the count or the duration is reached or
// the context ends, cleans up within the shutdown time-out, and sums up.
func (a *Automation) Run(ctx context.Context) Summary {
	work, endWork := context.WithCancel(ctx)
	if a.options.Duration > 0 {
		work, endWork = context.WithTimeout(ctx, a.options.Duration)
	}
	defer endWork()
	// Calls outlive the work, so that an item that is being created is known,
	// and deleted.
	calls, endCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer endCalls()
	var watch sync.WaitGroup
	watch.Go(func() {
		<-work.Done()
		select {
		case <-time.After(a.options.ShutdownTimeout):
			endCalls()
		case <-calls.Done():
		}
	})

	a.live(work, calls)
	endWork() // also by count: from here on the time for the cleaning up is running
	a.cleanUp(calls)
	endCalls()
	watch.Wait()

	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
	defer cancel()
	err := a.options.Recorder.Close(flush)
	return a.summary(ctx.Err() != nil, err)
}

// live starts lives at the rate until the work ends, and waits for their end.
func (a *Automation) live(work, calls context.Context) {
	lives := int(math.Ceil(a.options.Rate * livesFor.Seconds()))
	room := make(chan struct{}, min(max(lives, minLives), maxLives))
	var all sync.WaitGroup
	defer all.Wait()
	for i := int64(0); a.options.Count == 0 || i < a.options.Count; i++ {
		select {
		case room <- struct{}{}:
		case <-work.Done():
			return
		}
		if a.limiter.Wait(work) != nil {
			return // the work is over, or will be before the next call may be made
		}
		all.Go(func() {
			defer func() { <-room }()
			a.life(work, calls, a.users[i%int64(len(a.users))])
		})
	}
}

// life creates an item and, unless it is to be kept, deletes it.
func (a *Automation) life(work, calls context.Context, u *user) {
	keep, body := a.plan()
	id, err := a.create(work, calls, u, body)
	if err != nil {
		return
	}
	if keep {
		a.stats.kept.Add(1)
		return
	}
	it := &kept{user: u, id: id}
	if work.Err() != nil || a.remove(work, calls, it, true) != nil {
		a.leave(it)
	}
}

// plan dices whether an item is to be kept, and what is sent to create it.
func (a *Automation) plan() (keep bool, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dice.Float64() < a.options.KeepRatio, newBody(a.dice)
}

// leave notes an item that is to be deleted at the end.
func (a *Automation) leave(it *kept) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.left) < maxLeft {
		a.left = append(a.left, it)
	}
}

// cleanUp deletes what is left, as far as that is possible before the calls end.
func (a *Automation) cleanUp(calls context.Context) {
	a.limiter.SetLimit(rate.Limit(max(a.options.Rate, cleanupRate)))
	todo := make(chan *kept)
	var all sync.WaitGroup
	for range cleaners {
		all.Go(func() {
			for it := range todo {
				_ = a.remove(calls, calls, it, false) // it is counted
			}
		})
	}
	for _, it := range a.left { // nobody adds to it any more
		if calls.Err() == nil {
			todo <- it
		}
	}
	close(todo)
	all.Wait()
}
