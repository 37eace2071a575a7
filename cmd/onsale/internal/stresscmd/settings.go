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

// maxWait bounds --wait, the time to wait for a server that is starting.
const maxWait = time.Hour

// check returns an error for the first invalid flag. It rejects a value such as 0, which
// the engine would treat as a flag that was left out.
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

// misplaced returns a hint if the argument of `onsale stress` is the name of a file rather
// than a URL.
func misplaced(arg string) string {
	if strings.ContainsAny(arg, ":?") {
		return ""
	}
	switch strings.ToLower(filepath.Ext(arg)) {
	case ".yaml", ".yml":
		return "a scenario file needs a flag: --scenario " + arg
	case ".py", ".js", ".ts", ".lua", ".jmx":
		return "onsale does not run scripts of other load testers: use --scenario with a built-in scenario or a YAML file, see docs/stress-scenario.md"
	}
	return ""
}

// given returns the value of an optional flag, or 0 if it was left out.
func given[T int | float64](value *T) T {
	if value == nil {
		return 0
	}
	return *value
}

// settings returns the settings of the engine from the flags.
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

// shape returns the shape of the load, or nothing if no flag sets one.
func (c *RunCommand) shape() string {
	for _, s := range []struct{ kind, text string }{{"stages", c.Stages}, {"ramp", c.Ramp}, {"spike", c.Spike}, {"steps", c.Steps}} {
		if s.text != "" {
			return s.kind + " " + s.text
		}
	}
	return ""
}

// asFlag replaces the name of a field in an error by that of its flag.
func asFlag(err error) error {
	if field, ok := errors.AsType[*field.Error](err); ok {
		return fmt.Errorf("--%s %s", strings.ReplaceAll(field.Field, "_", "-"), field.Rule)
	}
	return err
}
