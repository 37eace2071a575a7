package script

import (
	"fmt"
	"strings"
)

// maxProblems is how many problems of a file are told at once: more do not fit
// a screen, and many of them follow from the first.
const maxProblems = 10

// Problem is one thing that is wrong with a file.
type Problem struct {
	// File is the scenario file, or a CSV file that it names.
	File string
	// Line counts from 1; 0 is the file as a whole.
	Line int
	// Field is where it stands, tasks[1].weight say; empty is the file as a whole.
	Field string
	// Message is what is wrong with it: "must not be empty".
	Message string
}

// String returns the problem as compilers tell theirs: file, line, what.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Field != "" {
		b.WriteString(p.Field + " ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// FileError is what is wrong with a scenario file.
type FileError struct {
	// Problems are at least one and at most maxProblems, in the order of their lines.
	Problems []Problem
	// More is how many there are beside them.
	More int
}

// Error tells the problems, a line each.
func (e *FileError) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	if e.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", e.More))
	}
	return strings.Join(lines, "\n")
}

// Suggest says which of the known names was meant, or which there are.
func Suggest(name string, known []string) string {
	best, distance := "", max(1, len(name)/3)
	for _, k := range known {
		if d := edits(strings.ToLower(name), strings.ToLower(k)); d <= distance && (best == "" || d < distance) {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return "; did you mean " + best + "?"
	case len(known) > 0:
		return "; known are " + strings.Join(known, ", ")
	}
	return ""
}

// longestName is the longest name that is compared with others, in bytes: what is
// longer was no slip of the finger, and comparing takes quadratic time.
const longestName = 64

// edits returns how many letters must be added, dropped, replaced or swapped with their neighbour to
// get from a to b: the optimal string alignment distance.
func edits(a, b string) int {
	if len(a) > longestName || len(b) > longestName {
		return longestName
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
