package scenario

import (
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/tidwall/gjson"

	"onsale/internal/stress/jsonbody"
)

// members calls member for each member of a body that is one JSON object, and reports whether it is one. A name that
// occurs more than once is passed each time.
func members(body []byte, member func(name string, value gjson.Result)) bool {
	object, ok := jsonbody.Parse(body)
	if !ok || !object.IsObject() {
		return false
	}
	object.ForEach(func(name, value gjson.Result) bool {
		member(name.Str, value)
		return true
	})
	return true
}

// scanList appends the ids of a list of concerts, which must be a JSON array of objects that each have an integer id.
// With cut, only the beginning of the list was kept: then the ids of the complete objects are enough.
func scanList(ids []int64, body []byte, cut bool) ([]int64, bool) {
	if !cut && !jsonbody.Valid(body) {
		return ids, false
	}
	list := jsonbody.Partial(body)
	ok := list.IsArray()
	list.ForEach(func(_, concert gjson.Result) bool {
		if ok = ok && concert.IsObject(); !ok {
			return false
		}
		if cut {
			err := json.NewDecoder(strings.NewReader(concert.Raw)).Decode(new(json.RawMessage))
			if err != nil { // the last object is incomplete, or not JSON
				ok = errors.Is(err, io.ErrUnexpectedEOF)
				return false
			}
		}
		var id int64
		found := false
		concert.ForEach(func(name, value gjson.Result) bool {
			if name.Str == "id" {
				id, found = jsonbody.Integer(value)
			}
			return true
		})
		if ok = found; ok {
			ids = append(ids, id)
		}
		return ok
	})
	return ids, ok
}

// scanLeft returns how many tickets of a concert are left according to a list of concerts, and false if the list does
// not contain that number.
func scanLeft(body []byte, concert int64) (left int64, known bool) {
	jsonbody.Partial(body).ForEach(func(_, c gjson.Result) bool {
		if id, ok := jsonbody.Integer(c.Get("id")); !ok || id != concert {
			return true
		}
		left, known = jsonbody.Integer(c.Get("available"))
		return false
	})
	return left, known
}
