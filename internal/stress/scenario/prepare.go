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

// What --prepare creates.
const (
	// prepared is how many concerts share the missing tickets, so that
	// users do not all buy the same concert.
	prepared = 3
	// reserve is the factor between the created tickets and the expected demand:
	// a target without the payment step sells faster.
	reserve = 2
	// endless is the assumed duration of a run without a time limit.
	endless = time.Hour
	// leastPrepared is the minimum capacity of a created concert.
	leastPrepared = 10_000
	// rushTickets is the number of tickets in a rush for each user, or for each task per second:
	// enough for several rounds, too few for everyone.
	rushTickets = 10
	leastRushed = 1_000
)

// prepare creates the concerts that the load needs, adds them to the stock and
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
		} else { // the capacity of the others is unknown
			s.concerts = append(s.concerts, sale.Concert{ID: c.ID})
		}
		created = append(created, c.ID)
	}
	return created, nil
}

// missing returns how many concerts to create, and their capacity.
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

// tickets rounds a capacity up to a valid one.
func tickets(wanted float64, least int64) int64 {
	return int64(math.Ceil(min(max(wanted, float64(least)), math.MaxInt32)))
}

// noCreation returns the error of a concert that could not be created, and what to do.
func (o Options) noCreation(err error) error {
	answer, isAnswer := errors.AsType[*client.Error](err)
	switch {
	case isAnswer && answer.Code == "admin_disabled":
		return notReady("%s does not create concerts for remote clients, because it has no admin token; "+
			"set ONSALE_ADMIN_TOKEN there and here, or create the concert there", o.host())
	case errors.Is(err, client.ErrAdmin), isAnswer && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden):
		which := "needs the admin token"
		if o.Token != "" {
			which = "rejects this admin token"
		}
		return notReady("%s %s to create a concert; set it with ONSALE_ADMIN_TOKEN or --admin-token-file", o.host(), which)
	}
	return fmt.Errorf("%w: create concert: %w", ErrNotReady, err)
}

// howToMake returns the commands that create a concert.
func (o Options) howToMake() string {
	auth := ""
	if o.Token != "" || !o.Target.Loopback() {
		auth = ` -H "Authorization: Bearer $ONSALE_ADMIN_TOKEN"`
	}
	return `add --prepare to create one, or: curl ` + o.Target.String() + `/concerts/new` + auth +
		` -H 'Content-Type: application/json' -d '{"title":"Load test","date":"2030-06-01","venue":"Main Hall","number_of_tickets":100000}'`
}

// madeNote returns a note about the created concerts.
func madeNote(created []int64, s stock) string {
	ids := make([]string, len(created))
	for i, id := range created {
		ids[i] = strconv.FormatInt(id, 10)
	}
	made := s.concerts[len(s.concerts)-1]
	if len(created) == 1 {
		return fmt.Sprintf("concert %s was created for this run, with %s tickets", ids[0], format.Count(made.Capacity))
	}
	return fmt.Sprintf("concerts %s were created for this run, with %s tickets each", strings.Join(ids, ", "), format.Count(made.Capacity))
}
