package stats

import (
	"cmp"
	"slices"
	"strings"
)

// maxFailures bounds the failures that are told apart by their details. Beyond it, one more is
// kept for each name and kind, with the detail "(other)".
const maxFailures = 500

// failureKey tells failures apart.
type failureKey struct {
	entry        entryKey
	kind, detail string
}

// failures counts failures by kind and detail.
type failures struct {
	found map[failureKey]*Failure
}

// add counts a failure.
func (f *failures) add(entry entryKey, s *Sample) {
	key := failureKey{entry, s.Outcome.Kind, s.Outcome.Detail}
	found := f.found[key]
	if found == nil {
		found = f.begin(key, s)
	}
	found.Count++
	if found.Example == "" && key.detail == found.Detail {
		found.Example = s.Outcome.Example
	}
	if s.At.Before(found.First) {
		found.First = s.At
	}
	if s.At.After(found.Last) {
		found.Last = s.At
	}
}

// begin adds a kind of failure that was not seen before, or finds the one that it is counted under.
func (f *failures) begin(key failureKey, s *Sample) *Failure {
	if f.found == nil {
		f.found = map[failureKey]*Failure{}
	}
	if len(f.found) >= maxFailures {
		key.detail = other
		if found := f.found[key]; found != nil {
			return found
		}
	}
	// The words may be a part of something larger, which is not to be kept.
	key.kind, key.detail = strings.Clone(key.kind), strings.Clone(key.detail)
	found := &Failure{
		Method: key.entry.method, Name: key.entry.name,
		Kind: key.kind, Detail: key.detail,
		First: s.At, Last: s.At,
	}
	f.found[key] = found
	return found
}

// list returns the failures, the most frequent first.
func (f *failures) list() []Failure {
	all := make([]Failure, 0, len(f.found))
	for _, found := range f.found {
		all = append(all, *found)
	}
	slices.SortFunc(all, func(a, b Failure) int {
		return cmp.Or(
			cmp.Compare(b.Count, a.Count),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Method, b.Method),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Detail, b.Detail))
	})
	return all
}

// maxExamples bounds of how many kinds of failure an entry has an example.
const maxExamples = 16

// WantsExample reports whether no failure of this kind and detail was seen before, so
// that an example of it is wanted. It is quick, and may be asked for each failure.
func (e *Entry) WantsExample(kind, detail string) bool {
	for {
		seen := e.examples.Load()
		var list [][2]string
		if seen != nil {
			list = *seen
		}
		if e.recorder.off || len(list) >= maxExamples || slices.Contains(list, [2]string{kind, detail}) {
			return false
		}
		// The words may be a part of something larger, which is not to be kept.
		more := append(slices.Clone(list), [2]string{strings.Clone(kind), strings.Clone(detail)})
		if e.examples.CompareAndSwap(seen, &more) {
			return true
		}
	}
}
