package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"onsale/internal/fault"
)

// replicasLimit is how long reading the fault plan waits for the database to
// list the replicas. The plan itself is known here.
const replicasLimit = time.Second

// FaultState is the fault plan and who has applied it.
type FaultState struct {
	Version int64      `json:"version" minimum:"0" doc:"Counts the plans that were set; 0 means that none was."`
	Summary string     `json:"summary" doc:"The plan in words."`
	Plan    faultsPlan `json:"plan"`
	Active  []string   `json:"active" nullable:"false" doc:"The faults that last now, here."`
	// Replicas is nil while the database does not answer.
	Replicas []Replica `json:"replicas,omitempty" nullable:"false" doc:"The replicas heard of lately; left out while the database does not answer."`
	Ignored  []string  `json:"ignored,omitempty" nullable:"false" doc:"The fields of the plan that was sent which mean nothing."`
}

// Replica is a replica that was heard of lately.
type Replica struct {
	ID             string  `json:"id"`
	Version        int64   `json:"version" doc:"The version of the plan that it has applied."`
	Applied        bool    `json:"applied" doc:"Whether that is the plan shown."`
	SeenSecondsAgo float64 `json:"seen_seconds_ago" minimum:"0"`
}

type faultsOutput struct{ Body FaultState }

// getFaults shows the plan that is applied here.
func (s *Server) getFaults(ctx context.Context, _ *struct{}) (*faultsOutput, error) {
	return s.showFaults(ctx, s.options.Faults.State(), nil), nil
}

type setFaultsInput struct{ raw []byte }

// Resolve reads the body, which is decoded by the fault package.
func (in *setFaultsInput) Resolve(ctx huma.Context) []error {
	var err error
	if in.raw, err = readBody(ctx); err != nil {
		return []error{err}
	}
	return nil
}

// setFaults sets the plan for all replicas.
func (s *Server) setFaults(ctx context.Context, in *setFaultsInput) (*faultsOutput, error) {
	plan, ignored, err := fault.Parse(bytes.NewReader(in.raw))
	if err != nil {
		return nil, fmt.Errorf("parse fault plan: %w", err)
	}
	setting, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	state, err := s.options.Faults.Set(setting, plan)
	if err != nil {
		return nil, fmt.Errorf("set fault plan: %w", err)
	}
	return s.showFaults(ctx, state, ignored), nil
}

// problemOfPlan returns the problem of a plan that breaks a rule, or is no JSON.
func problemOfPlan(err *fault.PlanError) *Problem {
	field := FieldProblem{err.Field, err.Rule}
	if field.Field == "" {
		field.Field = "body"
	}
	if errors.Is(err, fault.ErrMalformed) {
		return malformed.of(field)
	}
	return invalid.of(field)
}

func (s *Server) showFaults(ctx context.Context, state fault.State, ignored []string) *faultsOutput {
	out := FaultState{
		Version: state.Version,
		Summary: state.Plan.Summary(),
		Plan:    faultsPlan{state.Plan},
		Active:  s.options.Faults.Active(),
		Ignored: ignored,
	}
	ctx, cancel := context.WithTimeout(ctx, replicasLimit)
	defer cancel()
	replicas, err := s.options.Replicas.Replicas(ctx)
	if err != nil {
		return &faultsOutput{out} // the database is away, and the faults must be seen all the same
	}
	for _, r := range replicas {
		out.Replicas = append(out.Replicas, Replica{
			ID: r.ID, Version: r.Version, Applied: r.Version == state.Version, SeenSecondsAgo: r.SeenAgo.Seconds(),
		})
	}
	return &faultsOutput{out}
}
