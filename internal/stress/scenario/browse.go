package scenario

import (
	"context"
	"strconv"

	"github.com/tidwall/gjson"

	"onsale/internal/stress"
	"onsale/internal/stress/jsonbody"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

const (
	// The weights of a browser's tasks.
	wholeLists, pages, singles = 4, 2, 4
	// pageSize is how many concerts a page shows.
	pageSize = 20
	// namePage is the name of a page in statistics.
	namePage = "/concerts?after=[id]&limit=20"
)

func buildBrowse(in *Instance) {
	in.offers = newOffers("/concerts/")
	in.Scenario.Kinds = []stress.Kind{{
		Name: "browser", Weight: 1, Wait: stress.Between(leastWait, mostWait),
		Join: func(u *stress.User) stress.Part { return newBrowser(in, u).part() },
	}}
}

// browser requests the list of concerts, pages of it and single concerts.
type browser struct {
	user             *stress.User
	offers           *offers
	list, page, once stress.Call

	// seen is the last whole list, and etag its ETag, if any.
	seen *offer
	etag string
	// after is the id after which the next page begins.
	after int64
	// wanted is the id of the requested concert.
	wanted int64
}

func newBrowser(in *Instance, u *stress.User) *browser {
	b := &browser{user: u, offers: in.offers}
	b.list = stress.Call{Name: nameList, Request: wire.Request{Method: "GET", Path: "/concerts"}, Judge: b.judgeList}
	b.page = stress.Call{Name: namePage, Request: wire.Request{Method: "GET"}, Judge: b.judgePage}
	b.once = stress.Call{Name: nameConcert, Request: wire.Request{Method: "GET"}, Judge: b.judgeOne}
	return b
}

func (b *browser) part() stress.Part {
	return stress.Part{Tasks: []stress.Task{
		{Weight: wholeLists, Do: b.look}, {Weight: pages, Do: b.turn}, {Weight: singles, Do: b.open},
	}}
}

// look requests all concerts; half of the time only if the list has changed.
func (b *browser) look(ctx context.Context) {
	b.list.Request.Header = b.list.Request.Header[:0]
	if b.etag != "" && b.user.Rand.IntN(2) == 0 {
		b.list.Request.Header = append(b.list.Request.Header, wire.Field{Name: "If-None-Match", Value: b.etag})
	}
	b.user.Do(ctx, &b.list)
}

func (b *browser) judgeList(r *wire.Response) stats.Outcome {
	if r.Status == 304 && len(b.list.Request.Header) > 0 {
		return stats.Outcome{}
	}
	seen, outcome := b.offers.judgeList(r)
	if seen != nil {
		b.seen, b.etag = seen, r.Header("ETag")
	}
	return outcome
}

// turn requests the next page, and the first again after the last.
func (b *browser) turn(ctx context.Context) {
	path := strconv.AppendInt([]byte("/concerts?after="), b.after, 10)
	path = strconv.AppendInt(append(path, "&limit="...), pageSize, 10)
	b.page.Request.Path = string(path)
	b.user.Do(ctx, &b.page)
}

func (b *browser) judgePage(r *wire.Response) stats.Outcome {
	after := b.after
	b.after = 0
	if r.Status != 200 {
		return unexpected(r)
	}
	ids, ok := scanList(nil, r.Body, r.Size > int64(len(r.Body)))
	if !ok {
		return failedCheck("the answer is not a JSON array of concerts with ids")
	}
	// The earlier service ignores the page parameters and returns all concerts.
	if len(ids) == pageSize && ids[pageSize-1] > after {
		b.after = ids[pageSize-1]
	}
	return stats.Outcome{}
}

// open requests one concert of the list. A user without a list requests that first.
func (b *browser) open(ctx context.Context) {
	if b.seen == nil || len(b.seen.ids) == 0 {
		if b.look(ctx); b.seen == nil || len(b.seen.ids) == 0 || ctx.Err() != nil {
			return
		}
	}
	which := b.user.Rand.IntN(len(b.seen.ids))
	b.wanted = b.seen.ids[which]
	b.once.Request.Path = b.seen.paths[which]
	b.user.Do(ctx, &b.once)
}

func (b *browser) judgeOne(r *wire.Response) stats.Outcome {
	if r.Status != 200 {
		return unexpected(r)
	}
	var id int64
	ok := members(r.Body, func(name string, value gjson.Result) {
		if name == "id" {
			id, _ = jsonbody.Integer(value)
		}
	})
	if !ok || id != b.wanted {
		return failedCheck("the answer is not the requested concert")
	}
	return stats.Outcome{}
}
