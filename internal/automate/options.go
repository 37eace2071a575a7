package automate

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"onsale/internal/item"
)

// Limits of what may be asked for.
const (
	// PoliteRate is the highest rate without force, in calls a second.
	PoliteRate = 50
	// minRate and maxRate bound the rate, in calls a second: one in 100 seconds,
	// and more than one client makes.
	minRate, maxRate = 0.01, 100_000
	// maxUsers is as many as the server counts exactly.
	maxUsers = 10_000
	// maxRetries bounds the patience with one call.
	maxRetries = 100
	// DefaultDuration is how long it runs when neither time nor count is given.
	DefaultDuration = 30 * time.Second
)

// Options of an [Automation].
type Options struct {
	// Rate is how many calls are made a second, all together, 0.01 to 100,000;
	// above [PoliteRate] only with Force.
	Rate  float64
	Force bool
	// Duration is how long items are created; 0 is without end.
	Duration time.Duration
	// Count is how many items are created; 0 is without end.
	Count int64
	// Users is how many users there are, 1 to 10,000. Their ids are UserPrefix
	// and a number from 1.
	Users      int
	UserPrefix string
	// KeepRatio is the share of items that are not deleted, 0 to 1.
	KeepRatio float64
	// Retries is how often a call that failed in passing is repeated, 0 to 100.
	Retries int
	// ShutdownTimeout bounds, once no more items are created, the wait for calls
	// in flight and the deletion of what is left.
	ShutdownTimeout time.Duration
	// Seed makes the dice repeatable; with 0 they are not.
	Seed uint64
	// Recorder is told of every call.
	Recorder Recorder
	// Now tells the time.
	Now func() time.Time
}

// DefaultOptions are those of `onsale automate` without a flag, but for the
// duration: that is without end.
func DefaultOptions() Options {
	return Options{
		Rate: 2, Users: 1, UserPrefix: "automate-", Retries: 5,
		ShutdownTimeout: 10 * time.Second, Recorder: Nowhere{}, Now: time.Now,
	}
}

// Validate returns an error that names the first option that makes no sense.
func (o Options) Validate() error {
	switch {
	case !(o.Rate >= minRate && o.Rate <= maxRate): // which NaN is not
		return fmt.Errorf("--rate must be between %g and %d calls a second, not %g", minRate, maxRate, o.Rate)
	case o.Rate > PoliteRate && !o.Force:
		return fmt.Errorf("--rate must be at most %d calls a second, not %g, unless you --force it", PoliteRate, o.Rate)
	case o.Duration < 0:
		return fmt.Errorf("--duration must not be negative, but is %s", o.Duration)
	case o.Count < 0:
		return fmt.Errorf("--count must not be negative, but is %d", o.Count)
	case o.Users < 1 || o.Users > maxUsers:
		return fmt.Errorf("--users must be between 1 and %d, not %d", maxUsers, o.Users)
	case item.CheckUser(o.UserPrefix+strconv.Itoa(o.Users)) != nil:
		return fmt.Errorf("--user-prefix with a number must have at most %d bytes, and no control characters", item.MaxUserLength)
	case !(o.KeepRatio >= 0 && o.KeepRatio <= 1):
		return fmt.Errorf("--keep-ratio must be between 0 and 1, not %g", o.KeepRatio)
	case o.Retries < 0 || o.Retries > maxRetries:
		return fmt.Errorf("--retries must be between 0 and %d, not %d", maxRetries, o.Retries)
	case o.ShutdownTimeout <= 0:
		return fmt.Errorf("--shutdown-timeout must be more than 0s, not %s", o.ShutdownTimeout)
	case o.Recorder == nil || o.Now == nil:
		return errors.New("recorder and clock must be given")
	}
	return nil
}
