package automate_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"onsale/internal/automate"
)

func TestInvalidOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*automate.Options)
		say    string
	}{
		"no rate":          {func(o *automate.Options) { o.Rate = 0 }, "--rate"},
		"negative rate":    {func(o *automate.Options) { o.Rate = -1 }, "--rate"},
		"rate is NaN":      {func(o *automate.Options) { o.Rate = math.NaN() }, "--rate"},
		"rate needs force": {func(o *automate.Options) { o.Rate = 50.5 }, "--force"},
		"too high a rate":  {func(o *automate.Options) { o.Rate, o.Force = 1e6, true }, "--rate"},
		"duration":         {func(o *automate.Options) { o.Duration = -time.Second }, "--duration"},
		"count":            {func(o *automate.Options) { o.Count = -1 }, "--count"},
		"no user":          {func(o *automate.Options) { o.Users = 0 }, "--users"},
		"too many users":   {func(o *automate.Options) { o.Users = 10_001 }, "--users"},
		"long prefix":      {func(o *automate.Options) { o.UserPrefix = strings.Repeat("x", 128) }, "--user-prefix"},
		"prefix newline":   {func(o *automate.Options) { o.UserPrefix = "a\nb" }, "--user-prefix"},
		"negative ratio":   {func(o *automate.Options) { o.KeepRatio = -0.1 }, "--keep-ratio"},
		"ratio above one":  {func(o *automate.Options) { o.KeepRatio = 1.1 }, "--keep-ratio"},
		"ratio is NaN":     {func(o *automate.Options) { o.KeepRatio = math.NaN() }, "--keep-ratio"},
		"negative retries": {func(o *automate.Options) { o.Retries = -1 }, "--retries"},
		"endless retries":  {func(o *automate.Options) { o.Retries = 101 }, "--retries"},
		"no time to stop":  {func(o *automate.Options) { o.ShutdownTimeout = 0 }, "--shutdown-timeout"},
		"no recorder":      {func(o *automate.Options) { o.Recorder = nil }, "recorder"},
	} {
		o := automate.DefaultOptions()
		c.change(&o)
		if _, err := automate.New(newFake(nil), o); err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.say)
		}
	}
	for _, rate := range []float64{0.01, 50} {
		o := automate.DefaultOptions()
		o.Rate = rate
		if err := o.Validate(); err != nil {
			t.Errorf("rate %g: %v", rate, err)
		}
	}
}
