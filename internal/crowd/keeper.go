package crowd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"onsale/internal/sale"
)

const (
	// onSale is how many concerts there are to choose from, at least.
	onSale = 3
	// keepInterval is the time between two looks at what is on sale. Meanwhile
	// the crowd buys from the concerts that are still open.
	keepInterval = 10 * time.Second
	// firstInterval is that until the first look has succeeded: somebody waits
	// for the concerts.
	firstInterval = time.Second
	// Concerts take place between minAhead and maxAhead days after they open.
	minAhead, maxAhead = 14, 100
)

// act is one line of the programme.
type act struct {
	title, venue string
	capacity     int64
}

// programme is what the keeper opens, one after the other. The halls are big:
// the default crowd buys half a million tickets a day, and a list of many
// concerts would make browsing dear after some weeks.
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

// keep sees to it that concerts are on sale until the context ends. Where
// nobody buys it looks once only: then the concerts are there for others.
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
				c.log.Warn("demo concerts cannot be looked after", "error", err)
			case err == nil && failing:
				c.log.Info("demo concerts are looked after again")
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

// keeperSequence tells the keeper's dice from those of all users, which count
// from 0.
const keeperSequence = 1<<64 - 1

// prepare opens concerts if there are too few that the crowd may buy from.
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
