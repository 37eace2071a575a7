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
	// maxItems limits the items of a user: with that many, it deletes one.
	maxItems = 5
	// maxItemID limits the id of an item, in bytes.
	maxItemID = 256
	// maxPosters limits how often the word is repeated in a description, so that
	// requests have different sizes.
	maxPosters = 40
	// tokenExpired is the business outcome of an item call whose token was valid
	// before.
	tokenExpired = "token_expired"
)

// errNoToken makes a user wait, and request a token again.
var errNoToken = errors.New("the user has no token")

func buildItems(in *Instance) {
	in.Scenario.Kinds = []stress.Kind{{
		Name: "collector", Weight: 1, Wait: stress.Between(leastWait, mostWait),
		Join: func(u *stress.User) stress.Part { return newCollector(u).part() },
	}}
}

// collector creates items under its own user id, and deletes all of them again.
type collector struct {
	user                   *stress.User
	name                   wire.Field
	token                  string // empty before the first token, and after it was rejected
	works                  bool   // the target has accepted the token
	identify, make, remove stress.Call

	// items are the paths of the created items, the oldest first. tried is set if a call
	// without an answer can have deleted the oldest.
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

// start requests a token.
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

// create creates an item, or deletes one if the user has maxItems.
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
	body = strconv.AppendUint(body, uint64(c.user.Rand.Uint32()), 16)
	body = append(body, `","description":"`...)
	for range c.user.Rand.IntN(maxPosters) {
		body = append(body, "poster "...)
	}
	body = append(body, `"}`...)
	c.make.Request.Body = body
	c.user.Do(ctx, &c.make)
}

func (c *collector) judgeItem(r *wire.Response) stats.Outcome {
	if r.Status != 201 {
		return c.rejected(r)
	}
	c.works = true
	id := text(r.Body, "item_id")
	if id == "" || len(id) > maxItemID {
		return failedCheck("the answer has no item_id")
	}
	c.items = append(c.items, "/api/items/"+url.PathEscape(id))
	return stats.Outcome{}
}

// delete deletes the oldest item, or creates one if the user has none.
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
	// If the token was rejected, nothing was deleted; otherwise the outcome is unknown.
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
		c.forget() // otherwise the others would never be deleted
	case r.Status == 200:
		return failedCheck("the answer does not confirm that the item was deleted")
	}
	return c.rejected(r)
}

func (c *collector) forget() { c.items = append(c.items[:0], c.items[1:]...) }

// rejected returns the outcome of an item call that did not succeed. A rejected token
// is not used again. The target is right to reject a token that was valid before.
func (c *collector) rejected(r *wire.Response) stats.Outcome {
	if r.Status != 403 {
		return unexpected(r)
	}
	c.token = ""
	if c.works {
		return stats.Outcome{Class: stats.Business, Kind: tokenExpired}
	}
	return unexpected(r)
}

// hasToken requests a new token if the last one was rejected.
func (c *collector) hasToken(ctx context.Context) bool {
	return c.token != "" || c.start(ctx) == nil
}

// leave deletes the remaining items, until the context ends or a deletion fails twice.
func (c *collector) leave(ctx context.Context) {
	for tries := 2 * maxItems; tries > 0 && len(c.items) > 0 && ctx.Err() == nil; tries-- {
		left, again := len(c.items), c.tried
		c.removeOldest(ctx)
		if again && len(c.items) == left {
			return // the same item twice: the next would fail too
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
