package scenario_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"onsale/internal/stress/scenario"
)

// decodeList reads a list with the standard library; valid is set if the text is
// valid JSON.
func decodeList(text []byte) (ids []int64, ok, valid bool) {
	var list []json.RawMessage
	if !json.Valid(text) {
		return nil, false, false
	}
	if json.Unmarshal(text, &list) != nil || list == nil {
		return nil, false, true
	}
	for _, one := range list {
		var concert map[string]json.RawMessage
		if json.Unmarshal(one, &concert) != nil {
			return nil, false, true
		}
		id, err := strconv.ParseInt(string(concert["id"]), 10, 64)
		if err != nil {
			return nil, false, true
		}
		ids = append(ids, id)
	}
	return ids, true, true
}

// FuzzList compares scanList with the standard library for valid JSON, and
// checks that other texts do not panic.
func FuzzList(f *testing.F) {
	for _, text := range []string{
		`[]`, ` [ ] `, `[{"id":1}]`, `[{"id": 1, "title": "a\"]}"} , {"title":"\\","id":-2}]` + "\n", `[{"a":{"id":1,"b":["]",{}]},"id":3}]`,
		`null`, `{}`, `[1]`, `[{"id":1.0}]`, `[{"id":null}]`, `[{"id":1},]`, `[{"id":1}`, `[{"id":9223372036854775808}]`, `[{"id":1,"id":2}]`,
		`[{"ID":1}]`, `[{"\u0069d":5}]`, `[{}]`, `[{"id":1}{"id":2}]`, `[null]`, `[{"id":01}]`, `["`, `[{"x":"\`, `[{"id":1,}]`, "[\t{\"id\"\r:\n7}]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, ok := scenario.ScanList(text, false)
		part, cut := scenario.ScanList(text, true)
		if ok && (!cut || !slices.Equal(part, got)) {
			t.Errorf("cut, %q is %v, %t; whole %v", text, part, cut, got)
		}
		for _, id := range got {
			_, _ = scenario.ScanLeft(text, id)
		}
		if want, wantOK, valid := decodeList(text); valid && (ok != wantOK || ok && !slices.Equal(got, want)) {
			t.Errorf("%q is %v, %t; want %v, %t", text, got, ok, want, wantOK)
		}
	})
}

// TestListsThatAreCutOff: a list that is longer than the HTTP client keeps is read as far as it
// is complete, and no id is truncated.
func TestListsThatAreCutOff(t *testing.T) {
	t.Parallel()
	const text = `[{"id":123,"title":"a \"b\""},{"title":"x","id":456}, {"id":789}]`
	for n := range len(text) {
		ids, ok := scenario.ScanList([]byte(text[:n]), true)
		if whole := [...]int64{123, 456, 789}; n > 0 && (!ok || !slices.Equal(ids, whole[:len(ids)])) {
			t.Errorf("%q: %v, %t", text[:n], ids, ok)
		}
		if _, ok := scenario.ScanList([]byte(text[:n]), false); ok {
			t.Errorf("%q was read as a whole list", text[:n])
		}
	}
	if _, ok := scenario.ScanList([]byte(`[{"id":1},{"id"x`), true); ok {
		t.Error("invalid JSON was read as a list that was cut off")
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	text := []byte(`[{"id":1,"available":5},{"id":2},{"available":0,"id":3}]`)
	for id, want := range map[int64]string{1: "5 true", 2: "0 false", 3: "0 true", 4: "0 false"} {
		left, known := scenario.ScanLeft(text, id)
		if got := fmt.Sprint(left, " ", known); got != want {
			t.Errorf("concert %d: %s, want %s", id, got, want)
		}
	}
}

// longList returns a list of n concerts as Onsale sends it.
func longList(n int) []byte {
	list := []byte{'['}
	for i := range n {
		if i > 0 {
			list = append(list, ',')
		}
		list = fmt.Appendf(list, `{"id":%d,"title":"The Night Ferries: Harbour Lights Tour","date":"2027-06-01 20:00","venue":"Hanseatic Hall",`+
			`"capacity":20000,"sold":4711,"available":15289,"number_of_tickets":20000}`, i+1)
	}
	return append(list, "]\n"...)
}

func BenchmarkScanList(b *testing.B) {
	list := longList(100)
	b.SetBytes(int64(len(list)))
	for b.Loop() {
		if ids, ok := scenario.ScanList(list, false); !ok || len(ids) != 100 {
			b.Fatal(ids)
		}
	}
}
