package crowd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"onsale/internal/sale"
)

const (
	// onSale is the minimum number of concerts on sale.
	onSale = 3
	// keepInterval is the interval at which the keeper checks the concerts on sale.
	keepInterval = 10 * time.Second
	// firstInterval is the interval until the first check succeeds. It is short
	// because users wait for the concerts.
	firstInterval = time.Second
	// Concerts take place between minAhead and maxAhead days after they open.
	minAhead, maxAhead = 14, 100
)

// act is one concert of the programme.
type act struct {
	title, venue string
	capacity     int64
}

// programme returns the concerts that the keeper opens in turn. Their capacities
// are large because the default users buy half a million tickets a day. After some
// weeks, a long list of small concerts would make browsing slow.
func programme() []act {
	return []act{
		{"The Night Ferries: Harbour Lights Tour", "Hanseatic Hall", 20_000},
		{"Marlene Okafor & Band", "Lakeside Stadium", 50_000},
		{"Polar Summer Festival, Saturday", "Old Airfield", 80_000},
		{"Symphony of the Machines", "Foundry Arena", 20_000},
		{"Los Trenes Tardíos: Última Parada", "Plaza Mayor Stadium", 50_000},
		{"Kites Over Kyoto", "River Bowl", 40_000},
		{"The Unreliable Narrators", "Velodrome", 30_000},
		{"Cécile Laurent: Grand Tour", "Arena of the Winds", 50_000},
		{"Brass Against the Clock", "Exhibition Park", 60_000},
		{"Midnight at the Greenhouse", "Crystal Dome", 30_000},
		{"Polar Summer Festival, Sunday", "Old Airfield", 80_000},
		{"Second Encore: The Farewell Concerts", "National Stadium", 70_000},
	}
}

// keep keeps concerts on sale until the context ends. Without users, it opens
// concerts only once, so that others can buy.
func (c *Crowd) keep(ctx context.Context) {
	dice := rand.New(rand.NewPCG(c.seed, keeperSequence))
	failing, interval := false, firstInterval
	for {
		if interval == firstInterval || c.present() > 0 {
			err := c.prepare(ctx, dice)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && !failing:
				c.log.Warn("cannot keep demo concerts on sale", "error", err)
			case err == nil && failing:
				c.log.Info("demo concerts are on sale again")
			}
			if failing = err != nil; !failing {
				interval = keepInterval
			}
		}
		if !wait(ctx, interval) {
			return
		}
	}
}

// keeperSequence separates the keeper's random sequence from those of the users,
// which are numbered from 0.
const keeperSequence = 1<<64 - 1

// prepare opens concerts if the demo users have too few to buy from.
func (c *Crowd) prepare(ctx context.Context, dice *rand.Rand) error {
	concerts, err := concertsOf(ctx, c.api)
	if err != nil {
		return fmt.Errorf("list concerts: %w", err)
	}
	c.offer.list(concerts)
	acts := programme()
	for next := len(concerts); c.offer.open() < onSale; next++ {
		a := acts[next%len(acts)]
		concert, err := c.api.CreateConcert(ctx, sale.NewConcert{
			Title: a.title, Venue: a.venue, Capacity: a.capacity,
			Date: c.now().AddDate(0, 0, minAhead+dice.IntN(maxAhead-minAhead)).Format(time.DateOnly) + " 20:00",
		})
		if err != nil {
			return fmt.Errorf("open concert: %w", err)
		}
		c.offer.add(concert)
		c.log.Info("concert opened", "concert_id", concert.ID, "title", concert.Title, "capacity", concert.Capacity)
	}
	return nil
}
