package scenario

import (
	"hash/maphash"
	"slices"
	"strconv"
	"sync/atomic"

	"onsale/internal/problem"
	"onsale/internal/stress"
	"onsale/internal/stress/stats"
	"onsale/internal/stress/wire"
)

// offer is what a list of concerts has. It is never changed, so that all users
// who have seen the same list share it.
type offer struct {
	hash uint64 // of the list
	size int64  // of the list, in bytes
	ids  []int64
	// paths are where each concert is bought.
	paths []string
}

// offers reads lists of concerts. Looking at them is three quarters of the load
// and most lists are the same as the one before, so that only a list that
// differs from the last one is read.
type offers struct {
	buy  string // begins the path of a purchase
	seed maphash.Seed
	last atomic.Pointer[offer]
}

func newOffers(buy string) *offers { return &offers{buy: buy, seed: maphash.MakeSeed()} }

// read returns what a list offers; false if it is none. It is checked to be a
// JSON array of objects that have an integer id each; their other members are not looked at.
// What is longer than the wire keeps is read as far as it was kept.
func (o *offers) read(r *wire.Response) (*offer, bool) {
	hash, last := maphash.Bytes(o.seed, r.Body), o.last.Load()
	if last != nil && last.hash == hash && last.size == r.Size {
		return last, true
	}
	ids, ok := scanList(nil, r.Body, r.Size > int64(len(r.Body)))
	if !ok {
		return nil, false
	}
	next := &offer{hash: hash, size: r.Size, ids: ids}
	if last != nil && slices.Equal(last.ids, ids) { // only the stock has changed
		next.ids, next.paths = last.ids, last.paths
	} else {
		next.paths = pathsOf(o.buy, ids)
	}
	o.last.Store(next)
	return next, true
}

// pathsOf returns the paths of concerts, which share one piece of memory.
func pathsOf(before string, ids []int64) []string {
	const digits = 8 // of an id, usually
	text := make([]byte, 0, len(ids)*(len(before)+digits))
	ends := make([]int, len(ids))
	for i, id := range ids {
		text = strconv.AppendInt(append(text, before...), id, 10)
		ends[i] = len(text)
	}
	all, paths, start := string(text), make([]string, len(ids)), 0
	for i, end := range ends {
		paths[i], start = all[start:end], end
	}
	return paths
}

// The names that statistics have for what looks at concerts.
const (
	nameList    = "/concerts"
	nameConcert = "/concerts/[id]"
)

// judgeList reads an answer to GET /concerts, whose offer is nil unless it is one.
func (o *offers) judgeList(r *wire.Response) (*offer, stats.Outcome) {
	if r.Status != 200 {
		return nil, unexpected(r)
	}
	seen, ok := o.read(r)
	if !ok {
		return nil, failedCheck("the answer is no JSON array of concerts with ids")
	}
	return seen, stats.Outcome{}
}

// failedCheck is the outcome of an answer whose check failed.
func failedCheck(detail string) stats.Outcome {
	return stats.Outcome{Class: stats.Failed, Kind: stats.KindCheck, Detail: detail}
}

// unexpected is the outcome of a status that was not expected. It names the
// code of the answer where that is one of the API's.
func unexpected(r *wire.Response) stats.Outcome {
	out := stress.Unexpected(r.Status)
	if a, ok := readReply(r.Body); ok {
		// A target must not make up kinds of failures without end.
		if problem.Known(a.code) {
			out.Detail += " " + a.code
		}
	}
	return out
}
