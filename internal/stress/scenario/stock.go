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

// stock is the concerts of a target and the tickets left.
type stock struct {
	concerts []sale.Concert
	// left is how many tickets are left; known is set if the target reports it.
	known bool
	left  int64
}

// readStock reads all concerts. A target whose list has only ids does not report
// how many tickets are left.
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

// demand is how many tickets a load requests.
type demand struct {
	curve stress.Curve
	// each is how many a user, or a task in the open model, requests per second.
	each float64
	// length is how long the load lasts; 0 if it has no limit.
	length time.Duration
}

// demand returns how many tickets the load requests, if the target's payment step
// is that of the default fault plan.
func (in *Instance) demand(o Options) demand {
	d := demand{curve: o.Load.Curve, each: in.tickets, length: o.RunTime}
	if !o.Load.Open {
		d.each /= in.takes.Seconds()
	}
	if d.length > 0 { // the engine ends the run then, however long the curve is
		d.curve.Ends = false
	} else if d.curve.Ends {
		d.length = d.curve.Length()
	}
	return d
}

// total returns how many tickets are requested in total; 0 if the load has no limit.
func (d demand) total() float64 { return d.each * d.curve.Area(d.length) }

// rate returns how many tickets are requested per second, on average; without
// a limit, at the end of the curve, after which it is constant.
func (d demand) rate() float64 {
	if d.length > 0 {
		return d.total() / d.length.Seconds()
	}
	return d.each * d.curve.At(d.curve.Length())
}

// against returns how long the stock lasts. The note is empty if it lasts for the run and no concert sells out early.
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
		return lasts, load + ", and the run has no time limit"
	case d.length > 0 && lasts > 0 && lasts < d.length:
		return lasts, load + ", and the run takes " + span(d.length)
	}
	return lasts, d.uneven(s)
}

// uneven returns a note if some concerts will be sold out before the end, because buyers choose among
// all of them equally.
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
	return fmt.Sprintf("%s of %s concerts are sold out, or will be before the run ends; buyers there get the answer sold_out",
		format.Count(int64(out)), format.Count(int64(len(s.concerts))))
}

// rough formats a rate with the precision of an estimate.
func rough(rate float64) string {
	if rate < 10 {
		return strconv.FormatFloat(rate, 'g', 2, 64)
	}
	return format.Count(int64(math.Round(rate)))
}

// span formats a duration for a sentence.
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
