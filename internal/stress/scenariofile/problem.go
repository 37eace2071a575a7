package scenariofile

import (
	"fmt"
	"strings"
)

// maxProblems limits the problems of a [FileError]: more do not fit
// on a screen, and many follow from the first.
const maxProblems = 10

// Problem is one error in a file.
type Problem struct {
	// File is the scenario file, or a CSV file that it names.
	File string
	// Line counts from 1; 0 means the file as a whole.
	Line int
	// Field is the path of the field, such as tasks[1].weight; empty means the file as a whole.
	Field string
	// Message completes a sentence that begins with the field: "must not be empty".
	Message string
}

// String formats the problem as compilers do: file:line: message.
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

// FileError is the error of a scenario file with problems.
type FileError struct {
	// Problems has 1 to maxProblems entries, sorted by line.
	Problems []Problem
	// More is the number of further problems.
	More int
}

// Error returns the problems, a line each.
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
