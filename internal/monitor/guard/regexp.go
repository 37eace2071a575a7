package guard

import (
	"fmt"
	"regexp/syntax"
	"strings"
)

const (
	// maxRegexpSize limits the compiled programs of all regular expressions of a call, in
	// instructions of about 40 bytes.
	maxRegexpSize = 20_000
	// maxRegexpCost limits how many of these instructions can be active at once, for each
	// character that they match. Literals cost nothing.
	maxRegexpCost = 1_000
)

// weight is the cost of a regular expression: its program size in instructions, and how
// many of them can be active at once.
type weight struct{ size, cost int }

// Regexps returns an error if compiling or matching all expressions together would cost
// too much. An invalid expression costs nothing.
func Regexps(expressions ...string) error {
	_, err := weigh(expressions)
	return err
}

func weigh(expressions []string) (weight, error) {
	var sum weight
	for _, e := range expressions {
		parsed, err := syntax.Parse(e, syntax.Perl|syntax.DotNL)
		if err != nil {
			continue // the library will not compile it either
		}
		w := weightOf(parsed)
		sum.size += w.size
		sum.cost += w.cost
	}
	switch {
	case sum.size > maxRegexpSize:
		return sum, fmt.Errorf("the regular expressions compile to %d instructions; at most %d are allowed", sum.size, maxRegexpSize)
	case sum.cost > maxRegexpCost:
		return sum, fmt.Errorf("the regular expressions have %d repeated parts; at most %d are allowed", sum.cost, maxRegexpCost)
	}
	return sum, nil
}

// weightOf returns the weight of a parsed expression. The parser of regular expressions
// limits the recursion to 1000 levels and a repetition to 1000 times.
func weightOf(r *syntax.Regexp) weight {
	switch r.Op {
	case syntax.OpLiteral:
		return weight{size: len(r.Rune)}
	case syntax.OpCharClass:
		return weight{size: 1 + len(r.Rune)/2, cost: 1}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return weight{size: 1, cost: 1}
	default: // it has parts, or matches no character
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
	// While the whole repeats, all its parts can be active.
	sum.size *= times
	sum.cost = sum.size
	if r.Op == syntax.OpStar || r.Op == syntax.OpPlus || r.Op == syntax.OpQuest {
		if only := r.Sub[0].Op; only == syntax.OpAnyChar || only == syntax.OpAnyCharNotNL || only == syntax.OpCharClass {
			sum.cost = 1
		}
	}
	return sum
}

// labelCalls sums up the calls of label_replace and label_join. Each call may use a label
// that another has set.
type labelCalls struct {
	calls  int
	growth int // the factor by which a label can grow
	bytes  int // the total length of their string arguments
	costly []string
}

// maxGrowth prevents an overflow of the product of all growths.
const maxGrowth = 1 << 20

func (l *labelCalls) add(call level) {
	if l.calls++; l.calls == 1 {
		l.growth = 1
	}
	times := len(call.strings) - 2 // the arguments of label_join are a target, a separator and sources
	if call.call == "label_replace" {
		times = 0
		for i, s := range call.strings {
			if len(call.strings) != 4 || i == 1 { // its arguments are a target, a replacement, a source and an expression
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

// usualLabel is the assumed length of a label of a target, in bytes.
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
		return fmt.Errorf("label_replace and label_join can create labels of %d bytes; at most %d are allowed", length, maxLabelBytes)
	}
	w, err := weigh(s.labels.costly)
	if err != nil {
		return err
	}
	if steps := length * w.cost; steps > maxLabelSteps {
		return fmt.Errorf("the regular expressions of label_replace can take %d steps for a label; at most %d are allowed", steps, maxLabelSteps)
	}
	return nil
}
