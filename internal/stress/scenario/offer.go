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

// offer is the content of a list of concerts. It is never changed, so that all users
// that received the same list share it.
type offer struct {
	hash uint64 // of the list
	size int64  // of the list, in bytes
	ids  []int64
	// paths are the paths of purchases, one for each concert.
	paths []string
}

// offers parses lists of concerts. They are three quarters of the load, and most
// are the same as the one before, so that only a list that
// differs from the last one is parsed.
type offers struct {
	buy  string // the beginning of the path of a purchase
	seed maphash.Seed
	last atomic.Pointer[offer]
}

func newOffers(buy string) *offers { return &offers{buy: buy, seed: maphash.MakeSeed()} }

// read returns the offer of a list; false if it is not one. A list is a
// JSON array of objects that each have an integer id; other members are not checked.
// A list that is longer than the HTTP client keeps is read as far as it was kept.
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
	if last != nil && slices.Equal(last.ids, ids) { // only the number of tickets has changed
		next.ids, next.paths = last.ids, last.paths
	} else {
		next.paths = pathsOf(o.buy, ids)
	}
	o.last.Store(next)
	return next, true
}

// pathsOf returns the paths of concerts, which are substrings of one string.
func pathsOf(before string, ids []int64) []string {
	const digits = 8 // of a typical id
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

// The names of calls in statistics.
const (
	nameList    = "/concerts"
	nameConcert = "/concerts/[id]"
)

// judgeList judges an answer to GET /concerts. The offer is nil if the answer is not a list.
func (o *offers) judgeList(r *wire.Response) (*offer, stats.Outcome) {
	if r.Status != 200 {
		return nil, unexpected(r)
	}
	seen, ok := o.read(r)
	if !ok {
		return nil, failedCheck("the answer is not a JSON array of concerts with ids")
	}
	return seen, stats.Outcome{}
}

// failedCheck returns the outcome of an answer that failed a check.
func failedCheck(detail string) stats.Outcome {
	return stats.Outcome{Class: stats.Failed, Kind: stats.KindCheck, Detail: detail}
}

// unexpected returns the outcome of an unexpected status. Its detail includes the
// problem code of the answer, if that is one of the API's.
func unexpected(r *wire.Response) stats.Outcome {
	out := stress.Unexpected(r.Status)
	if a, ok := readReply(r.Body); ok {
		// Arbitrary codes would let a target create kinds of failures without limit.
		if problem.Known(a.code) {
			out.Detail += " " + a.code
		}
	}
	return out
}
