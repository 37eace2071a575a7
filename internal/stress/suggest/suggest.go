// Package guess finds what was meant by a name that is not known: a slip of the
// finger is told with what it was probably to be.
package suggest

import "strings"

// longestName is the longest name that is compared with others, in letters: what
// is longer was no slip of the finger, and comparing takes quadratic time.
const longestName = 64

// What a wrong letter costs. Two that changed places are one slip of the
// fingers: p59 is nearer to p95 than to p50.
const (
	swapped  = 1
	replaced = 2
)

// Closest returns which of the known names is nearest to a name, the first of
// those that are equally near; empty if none is near. A third of the letters may
// be wrong, and one in a short word; capitals do not matter.
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

// Among says which of the known names was probably meant, or else which there
// are, as the end of an error: "; did you mean capture?" It is empty if none is known.
func Among(name string, known []string) string {
	if best := Closest(name, known); best != "" {
		return "; did you mean " + best + "?"
	}
	if len(known) > 0 {
		return "; known are " + strings.Join(known, ", ")
	}
	return ""
}

// distance adds up the letters to add, drop, replace or swap with their
// neighbour to make one word of the other, none of them twice: the optimal
// string alignment distance, or restricted edit distance. (The four slips are
// those of F. J. Damerau, "A Technique for Computer Detection and Correction of
// Spelling Errors", Communications of the ACM 7(3), 1964.)
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
