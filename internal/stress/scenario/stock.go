package scenario

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"onsale/internal/client"
	"onsale/internal/sale"
	"onsale/internal/stress"
	"onsale/internal/stress/format"
)

// stock is what a target has on sale.
type stock struct {
	concerts []sale.Concert
	// known says that the target tells how many tickets are left, and left how many.
	known bool
	left  int64
}

// readStock reads all concerts. A target whose list has ids only does not tell
// what is left.
func readStock(ctx context.Context, api *client.Client) (stock, error) {
	s := stock{}
	for c, err := range api.Concerts(ctx) {
		if err != nil {
			return stock{}, err
		}
		s.add(c)
	}
	return s, nil
}

func (s *stock) add(c sale.Concert) {
	s.known = c.Capacity > 0 && (s.known || len(s.concerts) == 0)
	s.concerts = append(s.concerts, c)
	s.left += max(c.Available(), 0)
}

// newest returns the concert with the greatest id among those that have tickets
// left.
func (s stock) newest() (newest sale.Concert) {
	for _, c := range s.concerts {
		if c.ID > newest.ID && (!s.known || c.Available() > 0) {
			newest = c
		}
	}
	return newest
}

// demand is how many tickets a load asks for.
type demand struct {
	curve stress.Curve
	// each is how many a user, or a task in the open model, asks for in a second.
	each float64
	// length is how long the load lasts; 0 if it has no end of its own.
	length time.Duration
}

// demand returns how many tickets the load asks for if the target's payment step
// is that of the default fault plan.
func (in *Instance) demand(o Options) demand {
	d := demand{curve: o.Load.Curve, each: in.tickets, length: o.RunTime}
	if !o.Load.Open {
		d.each /= in.takes.Seconds()
	}
	if d.length > 0 { // which the engine keeps to, however long the curve is
		d.curve.Ends = false
	} else if d.curve.Ends {
		d.length = d.curve.Length()
	}
	return d
}

// total returns how many tickets are asked for in all; 0 if there is no end.
func (d demand) total() float64 { return d.each * d.curve.Area(d.length) }

// rate returns how many tickets are asked for in a second, on average; without
// an end, from when the curve stays as it is.
func (d demand) rate() float64 {
	if d.length > 0 {
		return d.total() / d.length.Seconds()
	}
	return d.each * d.curve.At(d.curve.Length())
}

// against says how long the stock lasts, and what whoever starts the run should
// know about it, if anything.
func (d demand) against(s stock) (lasts time.Duration, note string) {
	if d.rate() <= 0 {
		return 0, ""
	}
	lasts, ends := d.curve.Due(float64(s.left) / d.each)
	if !ends {
		lasts = 0
	}
	load := fmt.Sprintf("%s tickets left; at about %s tickets/s they last %s", format.Count(s.left), rough(d.rate()), span(lasts))
	switch {
	case d.length == 0 && lasts > 0:
		return lasts, load + ", and the run has no end of its own"
	case d.length > 0 && lasts > 0 && lasts < d.length:
		return lasts, load + ", and the run wants " + span(d.length)
	}
	return lasts, d.uneven(s)
}

// uneven notes that some concerts will be sold out before others. Buyers choose among
// all alike.
func (d demand) uneven(s stock) string {
	share, out := d.total()/float64(len(s.concerts)), 0
	for _, c := range s.concerts {
		if float64(c.Available()) < math.Max(share, 1) {
			out++
		}
	}
	if out == 0 {
		return ""
	}
	return fmt.Sprintf("%s of %s concerts are sold out, or will be before the run ends; who buys there is told so",
		format.Count(int64(out)), format.Count(int64(len(s.concerts))))
}

// rough writes a rate as exactly as an estimate deserves.
func rough(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'g', 2, 64)
	}
	return format.Count(int64(math.Round(rate)))
}

// span writes a time as a person says it.
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return "less than a second"
	case d > 24*time.Hour:
		return "more than a day"
	case d >= time.Hour:
		return d.Round(time.Minute).String()[:len(d.Round(time.Minute).String())-len("0s")]
	}
	return d.Round(time.Second).String()
}
