// Package crowd is the small crowd of `onsale up`: users that browse, buy and
// use items all day, so that every chart has something to show.
//
// A [Crowd] calls the API as anybody does, through package client. Its users
// come and go while it runs, as its [Settings] say, and whatever a call meets
// is counted and no reason to stop: a user just comes again after its pause.
//
// A keeper sees to it that concerts are on sale, and opens a new one when one
// nears selling out. The crowd buys from every concert, a person's own too, but
// leaves the last tickets of each to others: at least 50 and a twentieth of
// the capacity. So the crowd alone sells nothing out, and a concert of up to 50
// tickets is all for the person who opened it.
//
// What users do stands in buyer.go and items.go. They are run by the engine of the load
// tester, package stress.
package crowd

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"onsale/internal/client"
)

// Options of a [Crowd]. The zero value of a field stands for its default, but
// for the client and the settings, which must be there.
type Options struct {
	// Client calls the API. Opening concerts takes the admin token.
	Client *client.Client
	// Settings are those that the crowd begins with.
	Settings Settings
	// Seed makes the dice repeatable; with 0 they are not.
	Seed uint64
	// Logger hears when calls begin to fail and when they succeed again, and of
	// each concert that is opened. By default nobody does.
	Logger *slog.Logger
	// Now tells the time for dates and reports; time.Now by default.
	Now func() time.Time
	// MaxUsers is how many users there may be; [MaxUsers] by default, and at most.
	MaxUsers int
}

// Crowd is a number of users, and the keeper who opens concerts for them. It is
// safe for concurrent use.
type Crowd struct {
	api   *client.Client
	log   *slog.Logger
	now   func() time.Time
	seed  uint64
	since time.Time

	offer *offer
	tally *tally
	names names
	// places has one of MaxUsers for each user that is there, or is leaving.
	places chan struct{}
	// changed says that the settings are others.
	changed chan struct{}

	maxUsers int
	mu       sync.Mutex
	settings Settings
}

// New returns a crowd that has yet to be run. Settings that break a rule are a
// [*field.Error].
func New(o Options) (*Crowd, error) {
	if o.Client == nil {
		return nil, errors.New("client must be given")
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

// Set changes the settings; users who are too many leave after the call that
// they make. Settings that break a rule change nothing and are a
// [*field.Error].
func (c *Crowd) Set(s Settings) error { return c.change(s.patch()) }

// change makes a change of the settings, all of it or nothing.
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
	default: // Run is about to look anyway
	}
	return nil
}

// current returns the settings in force.
func (c *Crowd) current() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settings
}

// State is what the crowd does, and what came of it.
type State struct {
	Settings

	// Running is how many users are there: fewer or more than Users for the
	// moment that it takes to come and to leave.
	Running int `json:"running"`
	// Failing says that many calls failed lately.
	Failing bool `json:"failing"`
	// Since is when the crowd was made, and Counts what came of the calls since.
	Since  time.Time `json:"since"`
	Counts Counts    `json:"counts"`
	// Concerts are those that the crowd buys from, the newest first, 20 at most.
	Concerts []Concert `json:"concerts"`
	// Scenarios and MaxUsers are what the settings may be.
	Scenarios []string `json:"scenarios"`
	MaxUsers  int      `json:"max_users"`
}

// State returns what the crowd does now, and what came of it so far.
func (c *Crowd) State() State {
	counts, failing := c.tally.read()
	return State{
		Settings: c.current(), Running: c.present(), Failing: failing, Since: c.since.UTC(),
		Counts: counts, Concerts: c.offer.newest(maxShown), Scenarios: Scenarios(), MaxUsers: c.maxUsers,
	}
}
