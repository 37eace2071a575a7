package server

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"onsale/internal/fault"
)

// faultsPlan is a fault plan in an answer. The fault package encodes it; [FaultPlan]
// describes it.
type faultsPlan struct{ fault.Plan }

// Schema describes the plan in OpenAPI.
func (faultsPlan) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[FaultPlan](), true, "")
}

// faultsRequest describes the body of PUT /faults: a plan, or the name of one.
type faultsRequest struct {
	Preset string `json:"preset,omitempty" enum:"off,default" doc:"The name of a plan, sent without other fields: off injects nothing, default has the delays and denials of the earlier services."`
	FaultPlan
}

// faultsPatch describes the body of PATCH /faults: a part of a plan in which every value
// can be null.
type faultsPatch struct{}

// Schema describes the patch in OpenAPI.
func (faultsPatch) Schema(r huma.Registry) *huma.Schema {
	patch := &huma.Schema{
		Type:                 huma.TypeObject,
		Description:          "Any part of a FaultPlan. null removes a member.",
		Properties:           make(map[string]*huma.Schema),
		AdditionalProperties: true,
		Examples:             []any{map[string]any{"database": map[string]any{"error": 0.5, "for": "1m"}}},
	}
	r.Schema(reflect.TypeFor[FaultPlan](), true, "")
	for name, member := range r.Map()["FaultPlan"].Properties {
		patch.Properties[name] = &huma.Schema{Description: member.Description}
	}
	return patch
}

// FaultPlan describes the JSON form of a [fault.Plan] in OpenAPI. It holds no values. A
// test compares it with what the fault package reads.
type FaultPlan struct {
	Seed         uint64                    `json:"seed,omitempty" doc:"Random seed, to make faults repeatable. 0 or absent: a new seed each time."`
	Routes       map[string]FaultPlanRoute `json:"routes,omitempty" doc:"Faults of calls, by path as written in this document."`
	Database     *FaultPlanDatabase        `json:"database,omitempty" doc:"Faults of database transactions."`
	CPU          *FaultPlanCPU             `json:"cpu,omitempty" doc:"Uses processor time."`
	Memory       *FaultPlanMemory          `json:"memory,omitempty" doc:"Uses memory."`
	Ready        any                       `json:"ready,omitempty" doc:"false makes GET /ready answer 503. Also accepts {\"value\":false,\"for\":\"30s\"}. The default is true."`
	ScrapeOutage any                       `json:"scrape_outage,omitempty" doc:"true makes GET /metrics answer 503. Also accepts {\"value\":true,\"for\":\"30s\"}."`
	Crash        any                       `json:"crash,omitempty" doc:"true crashes every running replica once. Also accepts {\"value\":true,\"after\":\"10s\"}. Replicas that start later do not crash."`
}

// FaultPlanRoute describes the faults of one route.
type FaultPlanRoute struct {
	Delay *FaultPlanDelay `json:"delay,omitempty"`
	Deny  any             `json:"deny,omitempty" doc:"Share of calls that are denied, for purchases only. This and the following shares are numbers from 0 to 1; {\"share\":0.1,\"for\":\"30s\"} is accepted too."`
	Error any             `json:"error,omitempty" doc:"Share of calls that fail with status 500."`
	Reset any             `json:"reset,omitempty" doc:"Share of calls whose connection is reset."`
	Hang  any             `json:"hang,omitempty" doc:"Share of calls that are never answered."`
	For   string          `json:"for,omitempty" example:"30s" doc:"How long the faults last. Without it they last until the plan changes."`
}

// FaultPlanDelay describes a delay, by one of its fields.
type FaultPlanDelay struct {
	Fixed     string              `json:"fixed,omitempty" example:"100ms"`
	Uniform   []string            `json:"uniform,omitempty" nullable:"false" minItems:"2" maxItems:"2" example:"[\"1s\",\"4s\"]"`
	LogNormal *FaultPlanLogNormal `json:"lognormal,omitempty"`
	For       string              `json:"for,omitempty" example:"30s" doc:"How long the delay lasts, if different from the other faults of the same route or database."`
}

// FaultPlanLogNormal describes a log-normal distribution of delays.
type FaultPlanLogNormal struct {
	Median string `json:"median" example:"200ms"`
	P99    string `json:"p99" example:"2s"`
}

// FaultPlanDatabase describes the faults of database transactions.
type FaultPlanDatabase struct {
	Delay *FaultPlanDelay `json:"delay,omitempty"`
	Error any             `json:"error,omitempty" doc:"Share of transactions that fail, from 0 to 1. Also accepts {\"share\":0.1,\"for\":\"30s\"}."`
	For   string          `json:"for,omitempty"`
}

// FaultPlanCPU describes the use of processor time.
type FaultPlanCPU struct {
	Share float64 `json:"share,omitempty" minimum:"0" maximum:"1" doc:"Share of every core to use."`
	For   string  `json:"for,omitempty"`
}

// FaultPlanMemory describes the use of memory.
type FaultPlanMemory struct {
	Bytes   uint64  `json:"bytes,omitempty" doc:"Bytes to allocate; at most a quarter of the memory that a replica may use."`
	Percent float64 `json:"percent,omitempty" minimum:"0" maximum:"95" doc:"Target memory usage of the machine or container, in percent. 128 MiB stay free."`
	For     string  `json:"for,omitempty"`
}
