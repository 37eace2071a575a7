package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// The names of the presets.
const (
	presetOff     = "off"
	presetDefault = "default"
)

// Parse reads a plan: {"preset":"off"}, {"preset":"default"}, or a full plan in
// this format:
//
//	{
//	  "seed": 1,
//	  "routes": {
//	    "/buy/{concert_id}": {
//	      "delay": {"uniform": ["1s", "4s"]},
//	      "deny": 0.1, "error": 0.1, "reset": 0.1, "hang": 0.1,
//	      "for": "30s"
//	    }
//	  },
//	  "database": {"delay": {"fixed": "100ms"}, "error": 0.1, "for": "1m"},
//	  "cpu": {"share": 0.5, "for": "1m"},
//	  "memory": {"bytes": 104857600, "percent": 80, "for": "1m"},
//	  "ready": {"value": false, "for": "30s"},
//	  "scrape_outage": {"value": true, "for": "30s"},
//	  "crash": {"value": true, "after": "10s"}
//	}
//
// Every field is optional and may be null. A missing field injects nothing, and a
// fault without "for" has no end. A delay is one of {"fixed": "100ms"}, {"uniform":
// ["1s", "4s"]} and {"lognormal": {"median": "200ms", "p99": "2s"}}. "ready",
// "scrape_outage" and "crash" may be a plain true or false. In the long form,
// "value" defaults to true. "ready" itself defaults to true as well. Durations are
// strings in Go's format.
//
// The "for" of a route or of the database applies to each of its faults without its
// own "for". A share with its own is written {"share": 0.1, "for": "30s"}, and a
// delay has it next to its kind.
//
// Unknown fields have no effect; ignored lists the paths of the first [MaxIgnored].
// Parse returns a [*PlanError] for an invalid plan or invalid JSON, and the errors
// of r. It does not limit the size of the input.
func Parse(r io.Reader) (plan Plan, ignored []string, err error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return Plan{}, nil, fmt.Errorf("read plan: %w", err)
	}
	value, err := decode(data)
	if err != nil {
		return Plan{}, nil, err
	}
	var reader planReader
	plan = reader.plan(value)
	if reader.err != nil {
		return Plan{}, nil, reader.err
	}
	if err := plan.Validate(); err != nil {
		return Plan{}, nil, err
	}
	slices.Sort(reader.ignored)
	return plan.normal(), reader.ignored, nil
}

// decode returns the single JSON value in data, with numbers as written.
func decode(data []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // an empty text counts as truncated
		}
		return nil, &PlanError{Rule: "must be JSON: " + err.Error(), Err: ErrMalformed}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, &PlanError{Rule: "must be JSON without trailing data", Err: ErrMalformed}
	}
	return value, nil
}

// plan reads a preset or a full plan.
func (p *planReader) plan(value any) Plan {
	top := p.object("", value)
	if top.take("preset") != nil {
		return p.preset(top)
	}
	defer func() {
		if names := top.names(); len(names) > 0 && len(top.taken) > 0 && !slices.ContainsFunc(names, top.known) {
			// Such a plan would switch everything off. An example is the response
			// of GET /faults, which contains the plan one level deeper.
			p.fail(names[0], "is not a field of a plan, and the plan has no known field; {} switches all faults off")
		}
		top.done()
	}()
	plan := Plan{
		Seed:         top.whole("seed", MaxSeed),
		Database:     p.database(top.object("database")),
		CPU:          p.cpu(top.object("cpu")),
		Memory:       p.memory(top.object("memory")),
		ScrapeOutage: p.toggle(top, "scrape_outage", false),
		Crash:        p.crash(top),
	}
	ready := p.toggle(top, "ready", true)
	plan.NotReady = Switch{On: !ready.On, For: ready.For}
	routes := top.object("routes")
	for _, path := range routes.names() {
		if plan.Routes == nil {
			plan.Routes = make(map[string]RouteFaults)
		}
		plan.Routes[path] = p.route(routes.object(path))
	}
	return plan
}

// preset returns a preset. It rejects other fields next to it, because they would
// have no effect.
func (p *planReader) preset(top *object) Plan {
	if len(top.members) > 1 {
		p.fail("preset", "must be the only field, or be left out")
	}
	switch top.text("preset") {
	case presetOff:
		return Off()
	case presetDefault:
		return Default()
	}
	p.fail("preset", `must be "`+presetOff+`" or "`+presetDefault+`"`)
	return Plan{}
}

func (p *planReader) route(o *object) (r RouteFaults) {
	defer o.done()
	r.Delay, r.Own.Delay = p.delay(o.object("delay"))
	r.Deny, r.Own.Deny = p.share(o, "deny")
	r.Error, r.Own.Error = p.share(o, "error")
	r.Reset, r.Own.Reset = p.share(o, "reset")
	r.Hang, r.Own.Hang = p.share(o, "hang")
	r.For = o.lasts()
	return r
}

func (p *planReader) database(o *object) (d DatabaseFaults) {
	defer o.done()
	d.Delay, d.Own.Delay = p.delay(o.object("delay"))
	d.Error, d.Own.Error = p.share(o, "error")
	d.For = o.lasts()
	return d
}

// share reads a share, plain or with its own duration.
func (p *planReader) share(parent *object, name string) (share float64, lasts time.Duration) {
	if _, long := parent.take(name).(map[string]any); !long {
		return parent.number(name), 0
	}
	o := parent.object(name)
	defer o.done()
	if !o.has("share") {
		o.fail("share", "is required")
	}
	return o.number("share"), o.lasts()
}

func (p *planReader) cpu(o *object) CPUBurn {
	defer o.done()
	return CPUBurn{Share: o.number("share"), For: o.lasts()}
}

func (p *planReader) memory(o *object) Ballast {
	defer o.done()
	return Ballast{Bytes: o.whole("bytes", MaxBallast), Percent: o.number("percent"), For: o.lasts()}
}

func (p *planReader) delay(o *object) (delay Delay, lasts time.Duration) {
	defer o.done()
	kinds := 0
	for _, kind := range []string{"fixed", "uniform", "lognormal"} {
		if o.has(kind) {
			kinds++
		}
	}
	if kinds > 1 {
		p.fail(o.path, oneDelay)
	}
	return Delay{Fixed: o.duration("fixed"), Uniform: o.span("uniform"), LogNormal: p.logNormal(o.object("lognormal"))}, o.lasts()
}

func (p *planReader) logNormal(o *object) LogNormal {
	defer o.done()
	return LogNormal{Median: o.duration("median"), P99: o.duration("p99")}
}

// toggle reads true, false, or {"value":true,"for":"30s"}. absent is the default.
func (p *planReader) toggle(parent *object, name string, absent bool) Switch {
	switch value := parent.take(name).(type) {
	case nil:
		return Switch{On: absent}
	case bool:
		return Switch{On: value}
	}
	o := parent.object(name)
	defer o.done()
	return Switch{On: o.flag("value", true), For: o.lasts()}
}

// crash reads true, false, or {"value":true,"after":"10s"}.
func (p *planReader) crash(parent *object) Crash {
	switch value := parent.take("crash").(type) {
	case nil:
		return Crash{}
	case bool:
		return Crash{On: value}
	}
	o := parent.object("crash")
	defer o.done()
	return Crash{On: o.flag("value", true), After: o.duration("after")}
}
