package scenario

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

const (
	// maxItems is how many items a user has at most before it deletes one.
	maxItems = 5
	// maxItemID limits what is taken for the id of an item, in bytes.
	maxItemID = 256
	// maxPosters is how often the word stands in a description at most, so that
	// the size of requests differs.
	maxPosters = 40
	// tokenExpired is the business outcome of an item call whose token was good
	// until then.
	tokenExpired = "token_expired"
)

// errNoToken lets a user wait, and ask for a token anew.
var errNoToken = errors.New("there is no token")

func buildItems(in *Instance) {
	in.Scenario.Kinds = []stress.Kind{{
		Name: "collector", Weight: 1, Wait: stress.Between(leastWait, mostWait),
		Join: func(u *stress.User) stress.Part { return newCollector(u).part() },
	}}
}

// collector creates items and deletes all of them again, as a user of its own.
type collector struct {
	user                   *stress.User
	name                   wire.Field
	token                  string // empty until there is one, and again when it was refused
	works                  bool   // the token was taken once
	identify, make, remove stress.Call

	// items are the paths of those that were created, the oldest first. With
	// tried, the oldest may have been deleted by a call without an answer.
	items []string
	tried bool
}

func newCollector(u *stress.User) *collector {
	c := &collector{user: u, name: wire.Field{Name: "User-ID", Value: "stress-" + strconv.Itoa(u.Index+1)}}
	c.identify = stress.Call{
		Name:    "/api/token",
		Request: wire.Request{Method: "POST", Path: "/api/token", Header: []wire.Field{c.name}},
		Judge:   c.judgeToken,
	}
	c.make = stress.Call{Name: "/api/items", Request: wire.Request{Method: "POST", Path: "/api/items"}, Judge: c.judgeItem}
	c.remove = stress.Call{Name: "/api/items/[id]", Request: wire.Request{Method: "DELETE"}, Judge: c.judgeRemoval}
	return c
}

func (c *collector) part() stress.Part {
	return stress.Part{
		Start: c.start, Stop: c.leave,
		Tasks: []stress.Task{{Weight: 1, Do: c.create}, {Weight: 1, Do: c.delete}},
	}
}

// start gets a token.
func (c *collector) start(ctx context.Context) error {
	c.user.Do(ctx, &c.identify)
	if c.token == "" {
		return errNoToken
	}
	return nil
}

func (c *collector) judgeToken(r *wire.Response) stats.Outcome {
	if r.Status != 200 {
		return unexpected(r)
	}
	c.token, c.works = text(r.Body, "token"), false
	if c.token == "" {
		return failedCheck("the answer has no token")
	}
	pass := wire.Field{Name: "Token", Value: c.token}
	c.make.Request.Header = append(jsonHeader(), c.name, pass)
	c.remove.Request.Header = []wire.Field{c.name, pass}
	return stats.Outcome{}
}

// create creates an item; who has many deletes one.
func (c *collector) create(ctx context.Context) {
	if len(c.items) >= maxItems {
		c.removeOldest(ctx)
		return
	}
	if !c.hasToken(ctx) {
		return
	}
	body := c.make.Request.Body[:0]
	body = append(body, `{"name":"souvenir `...)
	body = strconv.AppendUint(body, uint64(c.user.Dice.Uint32()), 16)
	body = append(body, `","description":"`...)
	for range c.user.Dice.IntN(maxPosters) {
		body = append(body, "poster "...)
	}
	body = append(body, `"}`...)
	c.make.Request.Body = body
	c.user.Do(ctx, &c.make)
}

func (c *collector) judgeItem(r *wire.Response) stats.Outcome {
	if r.Status != 201 {
		return c.refused(r)
	}
	c.works = true
	id := text(r.Body, "item_id")
	if id == "" || len(id) > maxItemID {
		return failedCheck("the answer has no item_id")
	}
	c.items = append(c.items, "/api/items/"+url.PathEscape(id))
	return stats.Outcome{}
}

// delete deletes the oldest item; who has none creates one.
func (c *collector) delete(ctx context.Context) {
	if len(c.items) == 0 {
		c.create(ctx)
		return
	}
	c.removeOldest(ctx)
}

func (c *collector) removeOldest(ctx context.Context) {
	if !c.hasToken(ctx) {
		return
	}
	left := len(c.items)
	c.remove.Request.Path = c.items[0]
	c.user.Do(ctx, &c.remove)
	// With the token refused, nothing was deleted; otherwise nobody knows.
	c.tried = len(c.items) == left && (c.tried || c.token != "")
}

func (c *collector) judgeRemoval(r *wire.Response) stats.Outcome {
	switch {
	case r.Status == 200 && text(r.Body, "status") == "item deleted":
		c.forget()
		c.works = true
		return stats.Outcome{}
	case r.Status == 404 && c.tried:
		c.forget()
		return stats.Outcome{}
	case r.Status == 404:
		c.forget() // it would be in the way of the others
	case r.Status == 200:
		return failedCheck("the answer does not say that the item was deleted")
	}
	return c.refused(r)
}

func (c *collector) forget() { c.items = append(c.items[:0], c.items[1:]...) }

// refused is the outcome of an item call that did not succeed. A token that is
// refused is not used again; that it is, after it was good, is right of the target.
func (c *collector) refused(r *wire.Response) stats.Outcome {
	if r.Status != 403 {
		return unexpected(r)
	}
	c.token = ""
	if c.works {
		return stats.Outcome{Class: stats.Business, Kind: tokenExpired}
	}
	return unexpected(r)
}

// hasToken gets a new token if the last one was refused.
func (c *collector) hasToken(ctx context.Context) bool {
	return c.token != "" || c.start(ctx) == nil
}

// leave deletes what is left, as far as the context allows and the target answers.
func (c *collector) leave(ctx context.Context) {
	for tries := 2 * maxItems; tries > 0 && len(c.items) > 0 && ctx.Err() == nil; tries-- {
		left, again := len(c.items), c.tried
		c.removeOldest(ctx)
		if again && len(c.items) == left {
			return // twice the same: the next would not go either
		}
	}
}

// text returns a copy of a text member of an answer; empty if the answer does not have it.
func text(body []byte, member string) (found string) {
	members(body, func(name string, value gjson.Result) {
		if name == member {
			found = strings.Clone(value.Str)
		}
	})
	return found
}
