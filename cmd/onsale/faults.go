package main

import (
	"fmt"
	"log/slog"
	"os"

	"onsale/internal/fault"
)

// readFaults turns the value of --faults, which is off, default or a file, into
// a plan; an empty value into none. Fields that the plan does not have are
// logged.
func readFaults(value string, log *slog.Logger) (*fault.Plan, error) {
	var plan fault.Plan
	switch value {
	case "":
		return nil, nil //nolint:nilnil // no plan is what was asked for
	case "off":
		plan = fault.Off()
		return &plan, nil
	case "default":
		plan = fault.Default()
		return &plan, nil
	}
	file, err := os.Open(value)
	if err != nil {
		return nil, fmt.Errorf("--faults must be off, default or a file: %w", err)
	}
	defer func() { _ = file.Close() }()
	plan, ignored, err := fault.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("--faults %s: %w", value, err)
	}
	if plan.Crash.On {
		return nil, fmt.Errorf("--faults %s: crash must be left out: the server would crash at each start; set it by PATCH /faults", value)
	}
	for _, field := range ignored {
		log.Warn("unknown field of the plan ignored", "file", value, "field", field)
	}
	return &plan, nil
}
