// Package crowd runs the demo users of `onsale up`. They browse, buy and use items
// all day, so every chart has data.
//
// A [Crowd] calls the API through package client, like any other caller. The
// [Settings] can change the number of users while it runs. A failed call is only
// counted: the user retries after its normal pause.
//
// A keeper keeps concerts on sale: it opens a new one when another has almost sold
// out. The demo users buy from every concert, including those opened by people.
// They leave the last tickets of each concert to others: 5 % of the capacity, and
// at least 50. So they never sell out a concert alone, and a concert of up to 50
// tickets is left to the person who opened it.
//
// The users' tasks are in buyer.go and items.go. The engine of the load tester,
// package stress, runs them.
package crowd

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"onsale/internal/client"
)

// Options of a [Crowd]. Client and Settings are required. For the other fields, the
// zero value means the default.
type Options struct {
	// Client calls the API. It needs the admin token to open concerts.
	Client *client.Client
	// Settings are the initial settings.
	Settings Settings
	// Seed is the random seed; 0 picks a new one.
	Seed uint64
	// Logger logs when calls start to fail, when they succeed again, and each new
	// concert. The default discards everything.
	Logger *slog.Logger
	// Now returns the time for dates and reports; time.Now by default.
	Now func() time.Time
	// MaxUsers limits the number of users. The default and maximum is the constant
	// [MaxUsers].
	MaxUsers int
}

// Crowd runs a number of demo users and the keeper, which opens concerts for them.
// It is safe for concurrent use.
type Crowd struct {
	api   *client.Client
	log   *slog.Logger
	now   func() time.Time
	seed  uint64
	since time.Time

	offer *offer
	tally *tally
	names names
	// places is a semaphore with one entry for each user that runs or is stopping.
	places chan struct{}
	// changed signals that the settings have changed.
	changed chan struct{}

	maxUsers int
	mu       sync.Mutex
	settings Settings
}

// New returns a crowd to be started with [Crowd.Run]. It returns a [*field.Error]
// for invalid settings.
func New(o Options) (*Crowd, error) {
	if o.Client == nil {
		return nil, errors.New("option Client must be set")
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxUsers == 0 {
		o.MaxUsers = MaxUsers
	}
	if err := o.Settings.Validate(o.MaxUsers); err != nil {
		return nil, err
	}
	log := o.Logger.With("component", "crowd")
	return &Crowd{
		api: o.Client, log: log, now: o.Now, seed: o.Seed, since: o.Now(),
		offer: newOffer(), tally: newTally(log), settings: o.Settings, maxUsers: o.MaxUsers,
		places: make(chan struct{}, MaxUsers), changed: make(chan struct{}, 1),
	}, nil
}

// Set changes the settings. Surplus users stop after their current call. For
// invalid settings, it returns a [*field.Error] and changes nothing.
func (c *Crowd) Set(s Settings) error { return c.change(s.patch()) }

// change applies a change of the settings completely or not at all.
func (c *Crowd) change(p patch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := p.apply(c.settings)
	if err := s.Validate(c.maxUsers); err != nil {
		return err
	}
	c.settings = s
	select {
	case c.changed <- struct{}{}:
	default: // Run will read the settings anyway
	}
	return nil
}

// current returns the current settings.
func (c *Crowd) current() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settings
}

// State is the state of a crowd with its counts.
type State struct {
	Settings

	// Running is the number of running users. It differs from Users briefly while
	// users start or stop.
	Running int `json:"running"`
	// Failing is true if many recent calls failed.
	Failing bool `json:"failing"`
	// Since is when the crowd was created, and Counts the outcomes of calls since
	// then.
	Since  time.Time `json:"since"`
	Counts Counts    `json:"counts"`
	// Concerts are the concerts that the users buy from, newest first, at most 20.
	Concerts []Concert `json:"concerts"`
	// Scenarios and MaxUsers are the limits of the settings.
	Scenarios []string `json:"scenarios"`
	MaxUsers  int      `json:"max_users"`
}

// State returns the current state and the counts so far.
func (c *Crowd) State() State {
	counts, failing := c.tally.read()
	return State{
		Settings: c.current(), Running: c.present(), Failing: failing, Since: c.since.UTC(),
		Counts: counts, Concerts: c.offer.newest(maxShown), Scenarios: Scenarios(), MaxUsers: c.maxUsers,
	}
}
