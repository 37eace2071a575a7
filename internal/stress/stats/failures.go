package stats

import (
	"cmp"
	"slices"
	"strings"
)

// maxFailures is the maximum number of distinct failures. Beyond it, each name and kind
// gets one more, with the detail "(other)".
const maxFailures = 500

// failureKey identifies a failure.
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

// begin returns the failure of a key, and adds it if it is new.
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
	// Clone the strings, which may be parts of larger ones, so that those can be freed.
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

// maxExamples is the maximum number of failures of an entry that have an example.
const maxExamples = 16

// WantsExample reports whether this is the first failure of this kind and detail, so
// that the caller should record an example. It is fast enough to call for each failure.
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
		// Clone the strings, which may be parts of larger ones, so that those can be
		// freed.
		more := append(slices.Clone(list), [2]string{strings.Clone(kind), strings.Clone(detail)})
		if e.examples.CompareAndSwap(seen, &more) {
			return true
		}
	}
}
