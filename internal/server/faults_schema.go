package server

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"onsale/internal/fault"
)

// faultsPlan is a fault plan in an answer. It is written as the fault package
// writes it, and described as [planDoc].
type faultsPlan struct{ fault.Plan }

// Schema describes the plan in OpenAPI.
func (faultsPlan) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[FaultPlan](), true, "")
}

// faultsRequest describes the body of PUT /faults: a plan, or the name of one.
type faultsRequest struct {
	Preset string `json:"preset,omitempty" enum:"off,default" doc:"A plan's name, which stands alone: off injects nothing, default is that of the earlier services."`
	FaultPlan
}

// faultsPatch describes the body of PATCH /faults: a part of a plan, where anything may
// be null.
type faultsPatch struct{}

// Schema describes the patch in OpenAPI.
func (faultsPatch) Schema(r huma.Registry) *huma.Schema {
	patch := &huma.Schema{
		Type:                 huma.TypeObject,
		Description:          "Any part of a FaultPlan. null removes what it stands for.",
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

// FaultPlan describes the JSON form of a [fault.Plan]. It is never filled; a
// test holds it to what the fault package reads.
type FaultPlan struct {
	Seed         uint64                    `json:"seed,omitempty" doc:"Makes the dice repeatable; 0 or left out, they are not."`
	Routes       map[string]FaultPlanRoute `json:"routes,omitempty" doc:"The faults of calls, by path as it stands in this document."`
	Database     *FaultPlanDatabase        `json:"database,omitempty" doc:"The faults of database transactions."`
	CPU          *FaultPlanCPU             `json:"cpu,omitempty" doc:"Keeps the processor busy."`
	Memory       *FaultPlanMemory          `json:"memory,omitempty" doc:"Holds memory."`
	Ready        any                       `json:"ready,omitempty" doc:"false makes GET /ready answer 503. Also {\"value\":false,\"for\":\"30s\"}. Left out, it is true."`
	ScrapeOutage any                       `json:"scrape_outage,omitempty" doc:"true makes GET /metrics answer 503. Also {\"value\":true,\"for\":\"30s\"}."`
	Crash        any                       `json:"crash,omitempty" doc:"true ends each process that runs now, once, as a crash does. Also {\"value\":true,\"after\":\"10s\"}. One that starts afterwards is spared."`
}

// FaultPlanRoute describes the faults of one route.
type FaultPlanRoute struct {
	Delay *FaultPlanDelay `json:"delay,omitempty"`
	Deny  any             `json:"deny,omitempty" doc:"The share that is denied; of purchases only. This and the following: 0 to 1, also {\"share\":0.1,\"for\":\"30s\"}."`
	Error any             `json:"error,omitempty" doc:"The share that fails with 500."`
	Reset any             `json:"reset,omitempty" doc:"The share whose connection is reset."`
	Hang  any             `json:"hang,omitempty" doc:"The share that gets no answer."`
	For   string          `json:"for,omitempty" example:"30s" doc:"How long the faults last; left out, without end."`
}

// FaultPlanDelay describes a delay, by one of its fields.
type FaultPlanDelay struct {
	Fixed     string              `json:"fixed,omitempty" example:"100ms"`
	Uniform   []string            `json:"uniform,omitempty" nullable:"false" minItems:"2" maxItems:"2" example:"[\"1s\",\"4s\"]"`
	LogNormal *FaultPlanLogNormal `json:"lognormal,omitempty"`
	For       string              `json:"for,omitempty" example:"30s" doc:"How long this fault lasts, if not as long as the others beside it."`
}

// FaultPlanLogNormal describes a log-normal distribution of delays.
type FaultPlanLogNormal struct {
	Median string `json:"median" example:"200ms"`
	P99    string `json:"p99" example:"2s"`
}

// FaultPlanDatabase describes the faults of database transactions.
type FaultPlanDatabase struct {
	Delay *FaultPlanDelay `json:"delay,omitempty"`
	Error any             `json:"error,omitempty" doc:"The share of transactions that fail. Also {\"share\":0.1,\"for\":\"30s\"}."`
	For   string          `json:"for,omitempty"`
}

// FaultPlanCPU describes a burn of the processor.
type FaultPlanCPU struct {
	Share float64 `json:"share,omitempty" minimum:"0" maximum:"1" doc:"Of every core."`
	For   string  `json:"for,omitempty"`
}

// FaultPlanMemory describes memory that is held for nothing.
type FaultPlanMemory struct {
	Bytes   uint64  `json:"bytes,omitempty" doc:"At most a quarter of what a replica may use."`
	Percent float64 `json:"percent,omitempty" minimum:"0" maximum:"95" doc:"How full the memory of the machine or container is to be. 128 MiB stay free."`
	For     string  `json:"for,omitempty"`
}
