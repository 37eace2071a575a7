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

// replicasLimit is how long reading the fault plan waits for the list of replicas from
// the database. The plan itself needs no database.
const replicasLimit = time.Second

// FaultState is the fault plan and the replicas that have applied it.
type FaultState struct {
	Version int64      `json:"version" minimum:"0" doc:"Increases with each plan that is set. 0: no plan was set yet."`
	Summary string     `json:"summary" doc:"The plan in words."`
	Plan    faultsPlan `json:"plan"`
	Active  []string   `json:"active" nullable:"false" doc:"The faults that are active on this replica now."`
	// InForce lists the faults of Plan.
	InForce []FaultInForce `json:"in_force" nullable:"false" doc:"The faults of the plan, each with its remaining time and a patch that ends it."`
	// Replicas is nil while the database does not answer.
	Replicas []Replica `json:"replicas,omitempty" nullable:"false" doc:"The replicas that reported recently. Absent while the database does not answer."`
	Ignored  []string  `json:"ignored,omitempty" nullable:"false" doc:"The fields of the plan in the request that are unknown and were ignored."`
}

// FaultInForce is one fault of the plan.
type FaultInForce struct {
	Fault       string  `json:"fault" doc:"Its path in the plan." example:"database.error"`
	Words       string  `json:"words" doc:"What it does." example:"database error 50 %"`
	LeftSeconds float64 `json:"left_seconds,omitempty" minimum:"0" doc:"Seconds until the fault ends. Absent if it has no end. For a crash: seconds until it happens."`
	End         any     `json:"end" doc:"The merge patch that ends this fault and keeps all others."`
}

// Replica is a replica that reported recently.
type Replica struct {
	ID             string  `json:"id"`
	Version        int64   `json:"version" doc:"The version of the plan that the replica has applied."`
	Applied        bool    `json:"applied" doc:"Whether the replica has applied the plan shown here."`
	SeenSecondsAgo float64 `json:"seen_seconds_ago" minimum:"0" doc:"Seconds since the last report of the replica."`
}

type faultsOutput struct{ Body FaultState }

// getFaults returns the plan that this replica has applied.
func (s *Server) getFaults(ctx context.Context, _ *struct{}) (*faultsOutput, error) {
	return s.showFaults(ctx, s.options.Faults.State(), nil), nil
}

type setFaultsInput struct{ raw []byte }

// Resolve reads the body. The fault package decodes it.
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

// Resolve reads the body. The fault package decodes it. Other kinds of patches, such as
// that of RFC 6902, are rejected.
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

// problemOfPlan returns the problem for a plan that breaks a rule or is not JSON.
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
		return &faultsOutput{out} // show the faults even if the database is unavailable
	}
	for _, r := range replicas {
		out.Replicas = append(out.Replicas, Replica{
			ID: r.ID, Version: r.Version, Applied: r.Version == state.Version, SeenSecondsAgo: r.SeenAgo.Seconds(),
		})
	}
	return &faultsOutput{out}
}
