package automate

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"onsale/internal/item"
)

// Limits of the options.
const (
	// PoliteRate is the maximum rate without Force, in calls per second.
	PoliteRate = 50
	// minRate and maxRate bound the rate, in calls per second. The maximum is more
	// than one client can reach.
	minRate, maxRate = 0.01, 100_000
	// maxUsers is the number of active users that the server counts exactly.
	maxUsers = 10_000
	// maxRetries is the maximum of Retries.
	maxRetries = 100
	// DefaultDuration is the duration if neither duration nor count is set.
	DefaultDuration = 30 * time.Second
)

// Options of an [Automation].
type Options struct {
	// Rate is the total number of calls per second, 0.01 to 100,000. A rate above
	// [PoliteRate] needs Force.
	Rate  float64
	Force bool
	// Duration is how long items are created; 0 means no limit.
	Duration time.Duration
	// Count is the number of items to create; 0 means no limit.
	Count int64
	// Users is the number of users, 1 to 10,000. Their ids are UserPrefix and a number
	// from 1.
	Users      int
	UserPrefix string
	// KeepRatio is the share of items that are not deleted, 0 to 1.
	KeepRatio float64
	// Retries is the maximum number of retries after a transient failure of a call, 0
	// to 100.
	Retries int
	// ShutdownTimeout is the time limit, after the last item is created, for the calls
	// in flight and the deletion of the remaining items.
	ShutdownTimeout time.Duration
	// Seed is the random seed; 0 picks a new one each time.
	Seed uint64
	// Recorder records every call.
	Recorder Recorder
	// Now is the clock.
	Now func() time.Time
}

// DefaultOptions returns the defaults of `onsale automate`, except that Duration has no
// limit.
func DefaultOptions() Options {
	return Options{
		Rate: 2, Users: 1, UserPrefix: "automate-", Retries: 5,
		ShutdownTimeout: 10 * time.Second, Recorder: Nowhere{}, Now: time.Now,
	}
}

// Validate returns an error that names the first invalid option.
func (o Options) Validate() error {
	switch {
	case !(o.Rate >= minRate && o.Rate <= maxRate): // rejects NaN too
		return fmt.Errorf("--rate must be between %g and %d calls per second, not %g", minRate, maxRate, o.Rate)
	case o.Rate > PoliteRate && !o.Force:
		return fmt.Errorf("--rate must be at most %d calls per second, not %g; add --force for a higher rate", PoliteRate, o.Rate)
	case o.Duration < 0:
		return fmt.Errorf("--duration must not be negative, but is %s", o.Duration)
	case o.Count < 0:
		return fmt.Errorf("--count must not be negative, but is %d", o.Count)
	case o.Users < 1 || o.Users > maxUsers:
		return fmt.Errorf("--users must be between 1 and %d, not %d", maxUsers, o.Users)
	case item.CheckUser(o.UserPrefix+strconv.Itoa(o.Users)) != nil:
		return fmt.Errorf("--user-prefix followed by a number must have at most %d bytes and no control characters", item.MaxUserLength)
	case !(o.KeepRatio >= 0 && o.KeepRatio <= 1):
		return fmt.Errorf("--keep-ratio must be between 0 and 1, not %g", o.KeepRatio)
	case o.Retries < 0 || o.Retries > maxRetries:
		return fmt.Errorf("--retries must be between 0 and %d, not %d", maxRetries, o.Retries)
	case o.ShutdownTimeout <= 0:
		return fmt.Errorf("--shutdown-timeout must be more than 0s, not %s", o.ShutdownTimeout)
	case o.Recorder == nil || o.Now == nil:
		return errors.New("recorder and clock must be set")
	}
	return nil
}
