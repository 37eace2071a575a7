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

// FaultPlan describes the JSON form of a [fault.Plan]. It is never filled; a
// test holds it to what the fault package reads.
type FaultPlan struct {
	Seed         uint64                    `json:"seed,omitempty" doc:"Makes the dice repeatable; 0 or left out, they are not."`
	Routes       map[string]FaultPlanRoute `json:"routes,omitempty" doc:"The faults of calls, by path as it stands in this document."`
	Database     *FaultPlanDatabase        `json:"database,omitempty" doc:"The faults of database transactions."`
	CPU          *FaultPlanCPU             `json:"cpu,omitempty" doc:"Keeps the processor busy."`
	Memory       *FaultPlanMemory          `json:"memory,omitempty" doc:"Holds memory, at most a quarter of the limit."`
	Ready        any                       `json:"ready,omitempty" doc:"false makes GET /ready answer 503. Also {\"value\":false,\"for\":\"30s\"}. Left out, it is true."`
	ScrapeOutage any                       `json:"scrape_outage,omitempty" doc:"true makes GET /metrics answer 503. Also {\"value\":true,\"for\":\"30s\"}."`
}

// FaultPlanRoute describes the faults of one route.
type FaultPlanRoute struct {
	Delay *FaultPlanDelay `json:"delay,omitempty"`
	Deny  float64         `json:"deny,omitempty" minimum:"0" maximum:"1" doc:"The share that is denied; of purchases only."`
	Error float64         `json:"error,omitempty" minimum:"0" maximum:"1" doc:"The share that fails with 500."`
	Reset float64         `json:"reset,omitempty" minimum:"0" maximum:"1" doc:"The share whose connection is reset."`
	Hang  float64         `json:"hang,omitempty" minimum:"0" maximum:"1" doc:"The share that gets no answer."`
	For   string          `json:"for,omitempty" example:"30s" doc:"How long the faults last; left out, without end."`
}

// FaultPlanDelay describes a delay, by one of its fields.
type FaultPlanDelay struct {
	Fixed     string              `json:"fixed,omitempty" example:"100ms"`
	Uniform   []string            `json:"uniform,omitempty" nullable:"false" minItems:"2" maxItems:"2" example:"[\"1s\",\"4s\"]"`
	LogNormal *FaultPlanLogNormal `json:"lognormal,omitempty"`
}

// FaultPlanLogNormal describes a log-normal distribution of delays.
type FaultPlanLogNormal struct {
	Median string `json:"median" example:"200ms"`
	P99    string `json:"p99" example:"2s"`
}

// FaultPlanDatabase describes the faults of database transactions.
type FaultPlanDatabase struct {
	Delay *FaultPlanDelay `json:"delay,omitempty"`
	Error float64         `json:"error,omitempty" minimum:"0" maximum:"1"`
	For   string          `json:"for,omitempty"`
}

// FaultPlanCPU describes a burn of the processor.
type FaultPlanCPU struct {
	Share float64 `json:"share,omitempty" minimum:"0" maximum:"1" doc:"Of every core."`
	For   string  `json:"for,omitempty"`
}

// FaultPlanMemory describes memory that is held for nothing.
type FaultPlanMemory struct {
	Bytes uint64 `json:"bytes,omitempty"`
	For   string `json:"for,omitempty"`
}
