package scenario

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"onsale/internal/client"
	"onsale/internal/sale"
	"onsale/internal/stress"
	"onsale/internal/stress/format"
)

// What --prepare makes.
const (
	// prepared is how many concerts share the tickets that are missing, so that
	// not everybody wants the same.
	prepared = 3
	// reserve is how many times the tickets that the load is expected to ask for
	// are made: a target without the payment step sells faster.
	reserve = 2
	// endless is the run time that counts where a run has no end of its own.
	endless = time.Hour
	// leastPrepared is the fewest tickets of a concert that is made.
	leastPrepared = 10_000
	// A rush has so many tickets for each user, or for each task in a second:
	// enough for some rounds, too few for all.
	rushTickets = 10
	leastRushed = 1_000
)

// prepare makes the concerts that the load needs, adds them to the stock and
// returns their ids.
func (in *Instance) prepare(ctx context.Context, o Options, api *client.Client, s *stock) (created []int64, err error) {
	number, capacity := in.missing(o, *s)
	for range number {
		now := o.now()
		c, err := api.CreateConcert(ctx, sale.NewConcert{
			Title: "Load test of " + now.Format(time.DateTime), Date: now.AddDate(0, 1, 0).Format(time.DateOnly),
			Venue: "Main Hall", Capacity: capacity,
		})
		if err != nil {
			return nil, o.noCreation(err)
		}
		if !in.Sells || s.known || len(s.concerts) == 0 {
			s.add(c)
		} else { // what the others have is not known
			s.concerts = append(s.concerts, sale.Concert{ID: c.ID})
		}
		created = append(created, c.ID)
	}
	return created, nil
}

// missing returns how many concerts are to be made, and how many tickets each
// is to have.
func (in *Instance) missing(o Options, s stock) (number int, capacity int64) {
	switch {
	case in.needs == needConcert:
		if len(s.concerts) > 0 {
			return 0, 0
		}
		return prepared, leastPrepared
	case in.Scenario.SpawnAtOnce:
		return 1, tickets(rushTickets*peak(o.Load.Curve), leastRushed)
	}
	d := in.demand(o)
	if d.length == 0 {
		d.length = max(endless, d.curve.Length())
	}
	wanted := d.total()
	if s.known && s.left > 0 && float64(s.left) >= wanted {
		return 0, 0
	}
	return prepared, tickets(reserve*wanted/prepared, leastPrepared)
}

// peak returns the highest value of a curve.
func peak(c stress.Curve) float64 {
	highest := c.From
	for _, stage := range c.Stages {
		highest = max(highest, stage.To)
	}
	return highest
}

// tickets rounds a capacity up to what may be one.
func tickets(wanted float64, least int64) int64 {
	return int64(math.Ceil(min(max(wanted, float64(least)), math.MaxInt32)))
}

// noCreation says why a concert could not be made, and what to do.
func (o Options) noCreation(err error) error {
	answer, isAnswer := errors.AsType[*client.Error](err)
	switch {
	case isAnswer && answer.Code == "admin_disabled":
		return notReady("%s makes no concerts for other machines, because it has no admin token; "+
			"set ONSALE_ADMIN_TOKEN there and here, or make the concert there", o.host())
	case errors.Is(err, client.ErrAdmin), isAnswer && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden):
		which := "needs the admin token"
		if o.Token != "" {
			which = "does not take this admin token"
		}
		return notReady("%s %s to make a concert; give it with ONSALE_ADMIN_TOKEN or --admin-token-file", o.host(), which)
	}
	return fmt.Errorf("%w: no concert can be made: %w", ErrNotReady, err)
}

// howToMake says which commands make a concert.
func (o Options) howToMake() string {
	auth := ""
	if o.Token != "" || !o.Target.Loopback() {
		auth = ` -H "Authorization: Bearer $ONSALE_ADMIN_TOKEN"`
	}
	return `add --prepare to make one, or: curl ` + o.Target.String() + `/concerts/new` + auth +
		` -H 'Content-Type: application/json' -d '{"title":"Load test","date":"2030-06-01","venue":"Main Hall","number_of_tickets":100000}'`
}

// madeNote tells which concerts were made.
func madeNote(created []int64, s stock) string {
	ids := make([]string, len(created))
	for i, id := range created {
		ids[i] = strconv.FormatInt(id, 10)
	}
	made := s.concerts[len(s.concerts)-1]
	if len(created) == 1 {
		return fmt.Sprintf("concert %s was made for this run, with %s tickets", ids[0], format.Count(made.Capacity))
	}
	return fmt.Sprintf("concerts %s were made for this run, with %s tickets each", strings.Join(ids, ", "), format.Count(made.Capacity))
}
