package main

import (
	"fmt"
	"log/slog"
	"os"

	"onsale/internal/fault"
)

// readFaults returns the plan that --faults names: off, default or a file. An empty value
// gives no plan. It logs the fields of the file that a plan does not have.
func readFaults(value string, log *slog.Logger) (*fault.Plan, error) {
	var plan fault.Plan
	switch value {
	case "":
		return nil, nil //nolint:nilnil // an empty value means no plan
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
		return nil, fmt.Errorf("--faults %s: crash must be left out, because the server would crash at every start; set it with PATCH /faults", value)
	}
	for _, field := range ignored {
		log.Warn("ignoring unknown field of the fault plan", "file", value, "field", field)
	}
	return &plan, nil
}
