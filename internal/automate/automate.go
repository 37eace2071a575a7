// Package automate is a rate-limited client of the items API. It gets tokens, creates
// items and deletes them, and handles errors.
//
// An [Automation] repeats one cycle: create an item, and delete it unless it is to be
// kept. It retries calls after transient failures, with backoff and jitter. When it is
// stopped, it starts no more cycles, waits for the calls in flight, deletes the remaining
// items, and returns a summary.
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

// Limits of concurrency and of the shutdown.
const (
	// The maximum number of concurrent cycles is the rate times livesFor, between
	// minLives and maxLives. A cycle makes two calls, so the rate can be reached even
	// if a cycle takes twice as long as livesFor.
	livesFor           = 10 * time.Second
	minLives, maxLives = 8, 1000
	// cleanupRate is the minimum rate of the final deletions, in calls per second. A
	// user who pressed Ctrl-C is waiting for them.
	cleanupRate = 5
	// cleaners is the number of goroutines that make the final deletions.
	cleaners = 8
	// maxLeft is the maximum number of items that are remembered for the final
	// deletion.
	maxLeft = 100_000
	// flushLimit is the time limit for recording the last calls.
	flushLimit = 5 * time.Second
)

// API has the calls that an Automation makes: a [client.Client].
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

	mu     sync.Mutex
	random *rand.Rand
	left   []*kept // to be deleted at the end
}

// kept is an item that was created and not yet deleted, as far as is known.
type kept struct {
	user *user
	id   string
	// unsure means that a deletion got no answer, so it may have happened.
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
		random:  rand.New(rand.NewPCG(seed, 0)),
	}
	for i := range o.Users {
		a.users = append(a.users, newUser(o.UserPrefix+strconv.Itoa(i+1)))
	}
	return a, nil
}

// Run creates and deletes items until it reaches the count or the duration, or the context
// ends. Then it cleans up within the shutdown timeout, and returns the summary.
func (a *Automation) Run(ctx context.Context) Summary {
	work, endWork := context.WithCancel(ctx)
	if a.options.Duration > 0 {
		work, endWork = context.WithTimeout(ctx, a.options.Duration)
	}
	defer endWork()
	// Calls continue after the end of the work, so that an item that is being created
	// gets known and is deleted.
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
	endWork() // also if the count was reached: start the timeout of the clean-up
	a.cleanUp(calls)
	endCalls()
	watch.Wait()

	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushLimit)
	defer cancel()
	err := a.options.Recorder.Close(flush)
	return a.summary(ctx.Err() != nil, err)
}

// live starts cycles at the rate until the work ends, and waits until all are finished.
func (a *Automation) live(work, calls context.Context) {
	lives := int(math.Ceil(a.options.Rate * livesFor.Seconds()))
	slots := make(chan struct{}, min(max(lives, minLives), maxLives))
	var all sync.WaitGroup
	defer all.Wait()
	for i := int64(0); a.options.Count == 0 || i < a.options.Count; i++ {
		select {
		case slots <- struct{}{}:
		case <-work.Done():
			return
		}
		if a.limiter.Wait(work) != nil {
			return // the work is over, or will be before the next call is allowed
		}
		all.Go(func() {
			defer func() { <-slots }()
			a.life(work, calls, a.users[i%int64(len(a.users))])
		})
	}
}

// life runs one cycle: it creates an item and deletes it unless it is to be kept.
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

// plan decides at random whether to keep an item, and returns the body of the request
// that creates it.
func (a *Automation) plan() (keep bool, body []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.random.Float64() < a.options.KeepRatio, newBody(a.random)
}

// leave remembers an item for the final deletion.
func (a *Automation) leave(it *kept) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.left) < maxLeft {
		a.left = append(a.left, it)
	}
}

// cleanUp deletes the remaining items until the context of the calls ends.
func (a *Automation) cleanUp(calls context.Context) {
	a.limiter.SetLimit(rate.Limit(max(a.options.Rate, cleanupRate)))
	todo := make(chan *kept)
	var all sync.WaitGroup
	for range cleaners {
		all.Go(func() {
			for it := range todo {
				_ = a.remove(calls, calls, it, false) // the error is counted
			}
		})
	}
	for _, it := range a.left { // no longer changes
		if calls.Err() == nil {
			todo <- it
		}
	}
	close(todo)
	all.Wait()
}
