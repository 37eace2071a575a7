// Package script makes scenarios of what users of the load tester write down:
// a YAML file, a URL, or a curl command.
//
// A scenario file says what users do, in the words of [stress.Scenario]: users,
// weighted tasks, wait times. A task is a list of steps; a step is a request with
// what to check and what to keep of its answer, or a pause. Texts take templates such as
// {{token}}, {{row.email}} and {{int 1 5}}, which are compiled when the file is
// loaded. docs/stress-scenario.md describes all fields.
//
// Everything that can be wrong with a file is found before a run starts, and told with file, line
// and field. What a file keeps secret stays so: values of the environment, of CSV files and of answers
// appear in no error, no name and no outcome.
package scenariofile

import (
	"fmt"
	"os"
	"slices"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/wire"
)

// Limits of what is read.
const (
	// maxFile limits a scenario file, in bytes. A browser's recording of an hour
	// is smaller.
	maxFile = 1 << 20
	// maxBodyFile limits a file that is sent as a body, in bytes: it is kept in memory.
	maxBodyFile = 64 << 20
)

// Options say what loading may use. The zero value of a field stands for its default.
type Options struct {
	// Env looks up a variable of the environment; by default there is none. Only names
	// that the file lists are looked up.
	Env func(name string) (value string, ok bool)
	// ReadFile reads a file: the scenario, its CSV files and bodies; os.ReadFile by default.
	ReadFile func(name string) ([]byte, error)
	// Now tells the time for {{now}}; time.Now by default.
	Now func() time.Time
	// Worker counts from 0 to Workers-1 where several processes share the load:
	// each takes rows of its own from a CSV file that is shared. Workers 0 means 1.
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

// Definition is a scenario that was read and is known to be good.
type Definition struct {
	// Name is the file's own, and Summary one line about it that has no secrets
	// in it: no query, no header, no body.
	Name, Summary string
	// Host is the target that the file or the URL names, without a path's end; empty if it names
	// none.
	Host string
	// Timeout ends a request; 0 stands for the wire's default.
	Timeout time.Duration
	// Redirects is how many redirects are followed; 0 follows none.
	Redirects int
	// Insecure says that the target's certificate is not to be checked.
	Insecure bool
	// Warnings are what is not wrong but hardly meant, a line each.
	Warnings []string

	kinds   []kind
	tables  []*table
	jar     bool
	options Options
}

// kind, task and step are what a file's users, tasks and steps become.
type (
	kind struct {
		name   string
		weight int
		wait   stress.Wait
		start  []step
		tasks  []task
		// slots is how many captured values a user of this kind remembers.
		slots int
	}
	task struct {
		name   string
		weight int
		steps  []step
	}
)

// Scenario returns what users do at a target. Each call returns one that is new: its
// shared CSV files begin with their first row.
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

// Load reads a scenario file. What is wrong with its content is told by a [*FileError]; other errors
// are those of reading it.
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

// err returns the problems in the order of their lines.
func (d *decoder) err() error {
	slices.SortStableFunc(d.problems, func(a, b Problem) int { return a.Line - b.Line })
	e := &FileError{Problems: slices.Compact(d.problems)}
	if more := len(e.Problems) - maxProblems; more > 0 {
		e.Problems, e.More = e.Problems[:maxProblems], more
	}
	return e
}
