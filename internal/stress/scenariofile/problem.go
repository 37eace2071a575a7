package scenariofile

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
