package guard

import (
	"fmt"
	"regexp/syntax"
	"strings"
)

const (
	// maxRegexpSize is how large the compiled program of all regular expressions of
	// a call may be, in instructions of some 40 bytes.
	maxRegexpSize = 20_000
	// maxRegexpCost is how many instructions of it may be busy at once for each
	// character that they read. Literals cost nothing.
	maxRegexpCost = 1_000
)

// weight is what a regular expression needs.
type weight struct{ size, cost int }

// Regexps returns an error if compiling or matching the expressions would cost
// too much together. What is no regular expression costs nothing.
func Regexps(expressions ...string) error {
	_, err := weigh(expressions)
	return err
}

func weigh(expressions []string) (weight, error) {
	var sum weight
	for _, e := range expressions {
		parsed, err := syntax.Parse(e, syntax.Perl|syntax.DotNL)
		if err != nil {
			continue // It does not compile either.
		}
		w := weightOf(parsed)
		sum.size += w.size
		sum.cost += w.cost
	}
	switch {
	case sum.size > maxRegexpSize:
		return sum, fmt.Errorf("the regular expressions compile to %d instructions, at most %d are allowed", sum.size, maxRegexpSize)
	case sum.cost > maxRegexpCost:
		return sum, fmt.Errorf("the regular expressions have %d repeated parts, at most %d are allowed", sum.cost, maxRegexpCost)
	}
	return sum, nil
}

// weightOf recurses at most as deep as the parser of regular expressions lets
// them nest, 1000 levels, and it multiplies at most as far as that lets them
// repeat, 1000 times.
func weightOf(r *syntax.Regexp) weight {
	switch r.Op {
	case syntax.OpLiteral:
		return weight{size: len(r.Rune)}
	case syntax.OpCharClass:
		return weight{size: 1 + len(r.Rune)/2, cost: 1}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return weight{size: 1, cost: 1}
	default: // It has parts, or takes up no character.
	}
	sum := weight{size: 1}
	for _, sub := range r.Sub {
		w := weightOf(sub)
		sum.size += w.size + 1
		sum.cost += w.cost
	}
	times := 1
	switch r.Op {
	case syntax.OpRepeat:
		times = max(1, r.Min, r.Max)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
	default:
		return sum
	}
	// Any part may be busy while the whole repeats.
	sum.size *= times
	sum.cost = sum.size
	if r.Op == syntax.OpStar || r.Op == syntax.OpPlus || r.Op == syntax.OpQuest {
		if only := r.Sub[0].Op; only == syntax.OpAnyChar || only == syntax.OpAnyCharNotNL || only == syntax.OpCharClass {
			sum.cost = 1
		}
	}
	return sum
}

// labelCalls are what label_replace and label_join do to labels. Each may read
// what another has made.
type labelCalls struct {
	calls  int
	growth int // how many times longer a label becomes at most
	bytes  int // of the strings they are given
	costly []string
}

// maxGrowth keeps the product of growths from overflowing.
const maxGrowth = 1 << 20

func (l *labelCalls) add(call level) {
	if l.calls++; l.calls == 1 {
		l.growth = 1
	}
	times := len(call.strings) - 2 // label_join has a target, a separator and sources
	if call.call == "label_replace" {
		times = 0
		for i, s := range call.strings {
			if len(call.strings) != 4 || i == 1 { // a target, a replacement, a source and an expression
				times += strings.Count(s, "$")
			}
		}
	}
	l.growth = min(maxGrowth, l.growth*max(1, times))
	for _, s := range call.strings {
		l.bytes += len(s)
	}
	if call.call == "label_replace" {
		l.costly = append(l.costly, call.strings...)
	}
}

// usualLabel is how long a label of a target usually is at most, in bytes.
const usualLabel = 256

func (s *scan) checkStrings() error {
	if _, err := weigh(s.strings); err != nil {
		return err
	}
	if s.labels.calls == 0 {
		return nil
	}
	length := s.labels.growth * (usualLabel + s.labels.bytes)
	if length > maxLabelBytes {
		return fmt.Errorf("label_replace and label_join may make labels of %d bytes, at most %d are allowed", length, maxLabelBytes)
	}
	w, err := weigh(s.labels.costly)
	if err != nil {
		return err
	}
	if steps := length * w.cost; steps > maxLabelSteps {
		return fmt.Errorf("the regular expressions of label_replace may take %d steps for a label, at most %d are allowed", steps, maxLabelSteps)
	}
	return nil
}
