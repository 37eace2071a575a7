package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"onsale/internal/fault"
	"onsale/internal/problem"
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
	// InForce is what Plan says, fault by fault.
	InForce []FaultInForce `json:"in_force" nullable:"false" doc:"The faults of the plan, each with its time and with the patch that ends it."`
	// Replicas is nil while the database does not answer.
	Replicas []Replica `json:"replicas,omitempty" nullable:"false" doc:"The replicas heard of lately; left out while the database does not answer."`
	Ignored  []string  `json:"ignored,omitempty" nullable:"false" doc:"The fields of the plan that was sent which mean nothing."`
}

// FaultInForce is one fault of the plan.
type FaultInForce struct {
	Fault       string  `json:"fault" doc:"Its path in the plan." example:"database.error"`
	Words       string  `json:"words" doc:"What it does." example:"database error 50 %"`
	LeftSeconds float64 `json:"left_seconds,omitempty" minimum:"0" doc:"How much longer it lasts; left out, without end. Of a crash: the time to it."`
	End         any     `json:"end" doc:"The merge patch that ends it and leaves all others."`
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

// mergePatchType is the media type of RFC 7396.
const mergePatchType = "application/merge-patch+json"

type patchFaultsInput struct{ raw []byte }

// Resolve reads the body, which is decoded by the fault package. Another kind of
// patch, such as that of RFC 6902, would mean something else.
func (in *patchFaultsInput) Resolve(ctx huma.Context) []error {
	if mediaType, _, _ := mime.ParseMediaType(ctx.Header("Content-Type")); mediaType != "" && mediaType != jsonType && mediaType != mergePatchType {
		return []error{bodyError{http.StatusUnsupportedMediaType, "must be " + mergePatchType + " or " + jsonType}}
	}
	var err error
	if in.raw, err = readBody(ctx); err != nil {
		return []error{err}
	}
	return nil
}

// patchFaults changes the plan for all replicas.
func (s *Server) patchFaults(ctx context.Context, in *patchFaultsInput) (*faultsOutput, error) {
	setting, cancel := context.WithTimeout(ctx, ledgerLimit)
	defer cancel()
	state, ignored, err := s.options.Faults.Patch(setting, in.raw)
	if err != nil {
		return nil, fmt.Errorf("patch fault plan: %w", err)
	}
	return s.showFaults(ctx, state, ignored), nil
}

// problemOfPlan returns the problem of a plan that breaks a rule, or is no JSON.
func problemOfPlan(err *fault.PlanError) *Problem {
	field := problem.FieldProblem{Field: err.Field, Rule: err.Rule}
	if field.Field == "" {
		field.Field = "body"
	}
	if errors.Is(err, fault.ErrMalformed) {
		return malformed.problem(field)
	}
	return invalid.problem(field)
}

func (s *Server) showFaults(ctx context.Context, state fault.State, ignored []string) *faultsOutput {
	plan := state.InForce().Plan
	out := FaultState{
		Version: state.Version,
		Summary: plan.Summary(),
		Plan:    faultsPlan{plan},
		Active:  s.options.Faults.Active(),
		InForce: []FaultInForce{},
		Ignored: ignored,
	}
	for _, f := range state.Faults() {
		out.InForce = append(out.InForce, FaultInForce{f.Field, f.Words, f.Left.Seconds(), f.End})
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
