package stress

import "slices"

// spread decides the kind of each user: the n-th user gets the kind that is most below
// its share at that number. So at every number of users, the shares are as close as
// whole users allow.
type spread struct {
	kinds []Kind
	// round has the kind of each user of one round. After it, the kinds repeat.
	round []int
}

func newSpread(kinds []Kind) spread {
	sum, divisor := 0, 0
	for _, k := range kinds {
		sum += k.Weight
		divisor = common(divisor, k.Weight)
	}
	s := spread{kinds: slices.Clone(kinds)}
	there := make([]int, len(kinds))
	for n := 1; n <= sum/divisor; n++ {
		// The share is n·weight/sum; times the sum it stays a whole number.
		lacks := func(kind int) int { return n*kinds[kind].Weight - there[kind]*sum }
		most := 0
		for kind := range kinds {
			if lacks(kind) > lacks(most) {
				most = kind
			}
		}
		there[most]++
		s.round = append(s.round, most)
	}
	return s
}

// kind returns the number of the kind of the n-th user, from 0.
func (s spread) kind(n int) int { return s.round[n%len(s.round)] }

// common returns the greatest common divisor.
func common(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
