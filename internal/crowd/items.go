package crowd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"onsale/internal/client"
	"onsale/internal/item"
	"onsale/internal/stress"
)

const (
	// maxItems is the maximum number of items of a user. With that many, it deletes
	// one.
	maxItems = 5
	// maxWords is the maximum number of words in an item's description. It varies,
	// so the chart of the average request size moves.
	maxWords = 40
)

// collector is a user who creates items and deletes all of them again, so the table
// does not grow forever.
type collector struct {
	api   *client.Client
	tally *tally
	dice  *rand.Rand
	names *names
	// name is empty until the first task, and number is its number in names.
	name   string
	number int
	// token is empty before the first token, and after a token was rejected.
	token string
	// items are the ids of the user's items, oldest first.
	items []string
}

var _ visitor = (*collector)(nil)

func (c *Crowd) newCollector(u *stress.User) *collector {
	return &collector{api: c.api, tally: c.tally, dice: u.Rand, names: &c.names}
}

func (v *collector) tasks() []stress.Task { return []stress.Task{{Weight: 1, Do: v.act}} }

// act requests a token if there is none. Otherwise it creates or deletes an item.
func (v *collector) act(ctx context.Context) {
	if v.name == "" {
		v.name, v.number = v.names.take()
	}
	switch n := len(v.items); {
	case v.token == "":
		v.identify(ctx)
	case n > 0 && (n == maxItems || v.dice.IntN(2) == 0):
		v.remove(ctx)
	default:
		v.create(ctx)
	}
}

// leave deletes the remaining items, unless the context ends or the server fails.
// Then it releases the name.
func (v *collector) leave(ctx context.Context) {
	if v.name == "" {
		return // the user stopped before its first task
	}
	defer v.names.giveBack(v.number)
	for tries := 2 * maxItems; tries > 0 && len(v.items) > 0 && ctx.Err() == nil; tries-- {
		if v.token == "" {
			v.identify(ctx)
		}
		if left := len(v.items); v.token != "" {
			v.remove(ctx)
			if len(v.items) == left && v.token != "" {
				return // the next deletion would fail too
			}
		}
	}
}

func (v *collector) identify(ctx context.Context) {
	token, err := v.api.Token(ctx, v.name)
	if v.tally.count(ctx, err) && err == nil {
		v.token = token
	}
}

func (v *collector) create(ctx context.Context) {
	body := fmt.Appendf(nil, `{"name":"souvenir %08x","description":"%s"}`,
		v.dice.Uint32(), strings.TrimSpace(strings.Repeat("poster ", v.dice.IntN(maxWords))))
	id, err := v.api.CreateItem(ctx, v.credentials(), body)
	if err == nil { // even if the crowd is stopping, because leave must delete the item
		v.items = append(v.items, id)
	}
	if v.checked(ctx, err) {
		v.tally.itemsCreated.Add(1)
	}
}

// remove deletes the oldest item. An unknown item counts as deleted: an earlier
// response was lost, or somebody else deleted it.
func (v *collector) remove(ctx context.Context) {
	err := v.api.DeleteItem(ctx, v.credentials(), v.items[0])
	if err == nil || errors.Is(err, item.ErrNotFound) {
		v.items = v.items[1:]
	}
	if v.checked(ctx, err) {
		v.tally.itemsDeleted.Add(1)
	}
}

func (v *collector) credentials() client.Credentials {
	return client.Credentials{Token: v.token, User: v.name}
}

// checked counts a call that used the token, drops a rejected token, and reports
// whether the call succeeded.
func (v *collector) checked(ctx context.Context, err error) bool {
	if errors.Is(err, item.ErrUnauthorized) {
		v.token = ""
	}
	return v.tally.count(ctx, err) && err == nil
}
