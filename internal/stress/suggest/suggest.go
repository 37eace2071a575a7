// Package suggest finds the name that a misspelled name probably means.
package suggest

import "strings"

// longestName is the longest name that is compared, in letters. A longer one is not a
// typing error, and comparing takes quadratic time.
const longestName = 64

// The cost of a wrong letter. Two swapped letters are a single typing error: p59 is
// nearer to p95 than to p50.
const (
	swapped  = 1
	replaced = 2
)

// Closest returns the known name that is nearest to a name, or the first of them; empty
// if none is near. A third of the letters can be wrong, and one in a short word. Case
// does not matter.
func Closest(name string, known []string) string {
	a := []rune(strings.ToLower(name))
	if len(a) > longestName {
		return ""
	}
	best, least := "", replaced*max(1, len(a)/3)+1
	for _, k := range known {
		b := []rune(strings.ToLower(k))
		if len(b) > longestName {
			continue
		}
		if d := distance(a, b); d < least {
			best, least = k, d
		}
	}
	return best
}

// Among returns the end of an error: the known name that was probably meant, as in ";
// did you mean capture?", or else all known names. It is empty if there are none.
func Among(name string, known []string) string {
	if best := Closest(name, known); best != "" {
		return "; did you mean " + best + "?"
	}
	if len(known) > 0 {
		return "; known are " + strings.Join(known, ", ")
	}
	return ""
}

// distance is the optimal string alignment distance, or restricted edit distance: the
// cost of adding, dropping, replacing or swapping neighbouring letters, none of them
// twice, to turn one word into the other. (F. J. Damerau describes these four errors in
// "A Technique for Computer Detection and Correction of Spelling Errors",
// Communications of the ACM 7(3), 1964.)
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j * replaced
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i * replaced
		for j := 1; j <= len(b); j++ {
			cost := replaced
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+replaced, row[j-1]+replaced, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+swapped)
			}
		}
	}
	return row[len(b)]
}
