package stresscmd

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"


	"onsale/internal/field"
	"onsale/internal/stress"
	"onsale/internal/stress/result"
)

// maxWait is the longest wait for a server that is starting.
const maxWait = time.Hour

// check returns an error for a flag that says nothing, and would be taken for one
// that was left out.
func (c *RunCommand) check() error {
	hint := cmp.Or(misplaced(c.URL), misplaced(strings.TrimSuffix(strings.TrimSuffix(c.Scenario, ".yaml"), ".yml")))
	switch {
	case hint != "":
		return errors.New(hint)
	case c.Users != nil && *c.Users < 1:
		return fmt.Errorf("--users must be at least 1, not %d", *c.Users)
	case c.SpawnRate != nil && !(*c.SpawnRate > 0):
		return fmt.Errorf("--spawn-rate must be above 0, not %g", *c.SpawnRate)
	case c.MaxInFlight < 1:
		return fmt.Errorf("--max-in-flight must be at least 1, not %d", c.MaxInFlight)
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout must be above 0, not %s", c.Timeout)
	case c.Wait < 0 || c.Wait > maxWait:
		return fmt.Errorf("--wait must be between 0 and %s, not %s", maxWait, c.Wait)
	}
	return nil
}

// misplaced returns what to do about the argument of `onsale stress` if it is the
// name of a file rather than a URL.
func misplaced(arg string) string {
	if strings.ContainsAny(arg, ":?") {
		return ""
	}
	switch strings.ToLower(filepath.Ext(arg)) {
	case ".yaml", ".yml":
		return "a scenario file needs a flag: --scenario " + arg
	case ".py", ".js", ".ts", ".lua", ".jmx":
		return "onsale runs no scripts of other load testers: --scenario takes a built-in scenario or a YAML file, docs/stress-scenario.md shows how"
	}
	return ""
}

// given returns what a flag says that may be left out, or 0.
func given[T int | float64](value *T) T {
	if value == nil {
		return 0
	}
	return *value
}

// settings returns what was asked for in the words of the engine.
func (c *RunCommand) settings() (result.Settings, error) {
	s := result.Settings{
		Users: given(c.Users), SpawnRate: given(c.SpawnRate), Shape: c.shape(), RunTime: c.RunTime, StopTimeout: c.StopTimeout,
		Timeout: c.Timeout.String(), Seed: c.Seed, Worker: c.Worker, FailIf: c.FailIf, Abort: c.Abort, WarmUp: c.WarmUp, ResetStats: c.ResetStats,
	}
	if c.Rate == "" && !strings.Contains(s.Shape, "/s") {
		return s, nil
	}
	s.Arrivals, s.MaxInFlight = c.Arrivals, c.MaxInFlight
	if c.Rate == "" {
		return s, nil
	}
	var err error
	if s.Rate, err = stress.ParseRate(c.Rate); err != nil {
		return s, fmt.Errorf("--rate: %w", err)
	}
	if s.Rate == 0 {
		return s, errors.New("--rate must be above 0/s")
	}
	return s, nil
}

// shape returns the shape of the load, if one was asked for.
func (c *RunCommand) shape() string {
	for _, s := range []struct{ kind, text string }{{"stages", c.Stages}, {"ramp", c.Ramp}, {"spike", c.Spike}, {"steps", c.Steps}} {
		if s.text != "" {
			return s.kind + " " + s.text
		}
	}
	return ""
}

// asFlag says the name of a flag for that of a field.
func asFlag(err error) error {
	if field, ok := errors.AsType[*field.Error](err); ok {
		return fmt.Errorf("--%s %s", strings.ReplaceAll(field.Field, "_", "-"), field.Rule)
	}
	return err
}
