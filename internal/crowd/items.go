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
	// maxItems is how many items a user has at most before it deletes one.
	maxItems = 5
	// maxWords is how many words an item is described with, at most, so that the
	// average size of a request has something to show.
	maxWords = 40
)

// collector is a user who creates items and deletes all of them again, so that
// the table does not grow for ever.
type collector struct {
	api   *client.Client
	tally *tally
	dice  *rand.Rand
	names *names
	// name is empty until the first task, and number the one to give back with it.
	name   string
	number int
	// token is empty until one is there, and again when it was refused.
	token string
	// items are those that were created, the oldest first.
	items []string
}

var _ visitor = (*collector)(nil)

func (c *Crowd) newCollector(u *stress.User) *collector {
	return &collector{api: c.api, tally: c.tally, dice: u.Rand, names: &c.names}
}

func (v *collector) tasks() []stress.Task { return []stress.Task{{Weight: 1, Do: v.act}} }

// act gets a token if there is none, or else creates or deletes an item.
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

// leave deletes what is left, as far as the context allows and the server
// answers, and then gives the name to others.
func (v *collector) leave(ctx context.Context) {
	if v.name == "" {
		return // it left before its first task
	}
	defer v.names.giveBack(v.number)
	for tries := 2 * maxItems; tries > 0 && len(v.items) > 0 && ctx.Err() == nil; tries-- {
		if v.token == "" {
			v.identify(ctx)
		}
		if left := len(v.items); v.token != "" {
			v.remove(ctx)
			if len(v.items) == left && v.token != "" {
				return // the next would not go either
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
	if err == nil { // also if the crowd ends just now: it is to be deleted
		v.items = append(v.items, id)
	}
	if v.checked(ctx, err) {
		v.tally.itemsCreated.Add(1)
	}
}

// remove deletes the oldest item. One that is not found is as good as deleted,
// by a call whose answer was lost or by somebody else.
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

// checked counts a call with the token, drops a token that was refused, and
// reports whether the call has succeeded.
func (v *collector) checked(ctx context.Context, err error) bool {
	if errors.Is(err, item.ErrUnauthorized) {
		v.token = ""
	}
	return v.tally.count(ctx, err) && err == nil
}
