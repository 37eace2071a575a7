// Package scenariofile makes load test scenarios from YAML files, URLs and curl commands.
//
// A scenario file describes what users do in the terms of [stress.Scenario]: users,
// weighted tasks, wait times. A task is a list of steps. A step is a pause, or a request with
// checks and captures of its answer. Texts can have templates such as
// {{token}}, {{row.email}} and {{int 1 5}}, which are compiled when the file is
// loaded. docs/stress-scenario.md describes all fields.
//
// Every error in a file is found before a run starts, and reported with file, line
// and field. Values of environment variables, of CSV files and of answers can be secret:
// no error, no name and no outcome contains them.
package scenariofile

import (
	"fmt"
	"os"
	"slices"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/wire"
)

const (
	// maxFile limits the size of a scenario file, in bytes. A browser's recording of an hour
	// is smaller.
	maxFile = 1 << 20
	// maxBodyFile limits the size of a file that is sent as a body, in bytes: it is kept in memory.
	maxBodyFile = 64 << 20
)

// Options are the inputs of loading. The zero value of a field means its default.
type Options struct {
	// Env looks up an environment variable; the default finds none. It is called only for names
	// that the file lists.
	Env func(name string) (value string, ok bool)
	// ReadFile reads the scenario file, CSV files and bodies; the default is os.ReadFile.
	ReadFile func(name string) ([]byte, error)
	// Now returns the time for {{now}}; the default is time.Now.
	Now func() time.Time
	// Worker is from 0 to Workers-1 if several processes share the load:
	// each takes different rows of a CSV file. Workers 0 means 1.
	Worker, Workers int
}

func (o Options) withDefaults() Options {
	if o.Env == nil {
		o.Env = func(string) (string, bool) { return "", false }
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Workers = max(o.Workers, 1)
	return o
}

// Definition is a scenario that was read and checked.
type Definition struct {
	// Summary is one line about the scenario. It has no secrets: no query, no header, no body.
	Name, Summary string
	// Host is the target that the file or the URL names, without a slash at its end; empty if it names
	// none.
	Host string
	// Timeout limits each request; 0 means the default of package wire.
	Timeout time.Duration
	// Redirects is the number of redirects that a request follows.
	Redirects int
	// Insecure disables the check of the target's certificate.
	Insecure bool
	// Warnings are what is valid but probably a mistake, a line each.
	Warnings []string

	kinds   []kind
	tables  []*table
	jar     bool
	options Options
}

type (
	kind struct {
		name   string
		weight int
		wait   stress.Wait
		start  []step
		tasks  []task
		// slots is the number of captured values that a user of this kind keeps.
		slots int
	}
	task struct {
		name   string
		weight int
		steps  []step
	}
)

// Scenario returns a new scenario for a target. Users take rows of CSV files from the first row on.
func (s *Definition) Scenario(target *wire.Target) *stress.Scenario {
	shared := newSharedState(s, target)
	scenario := &stress.Scenario{Name: s.Name, Summary: s.Summary}
	for i := range s.kinds {
		k := &s.kinds[i]
		scenario.Kinds = append(scenario.Kinds, stress.Kind{
			Name: k.name, Weight: k.weight, Wait: k.wait,
			Join: func(u *stress.User) stress.Part { return newVirtualUser(shared, k, u).part() },
		})
	}
	return scenario
}

// Load reads a scenario file. It returns a [*FileError] if the content is wrong; other errors
// are those of reading the file.
func Load(file string, o Options) (*Definition, error) {
	o = o.withDefaults()
	data, err := o.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	d := &decoder{file: file}
	if root, ok := d.parse(data); ok {
		if s := d.definition(root, o); len(d.problems) == 0 {
			return s, nil
		}
	}
	return nil, d.err()
}

// err returns the problems sorted by line.
func (d *decoder) err() error {
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	e := &FileError{Problems: slices.Compact(d.problems)}
	if more := len(e.Problems) - maxProblems; more > 0 {
		e.Problems, e.More = e.Problems[:maxProblems], more
	}
	return e
}
