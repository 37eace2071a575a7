package fault

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configure an [Injector]. All are optional.
type Options struct {
	// Plan is applied until the store has a plan. It must be valid.
	Plan Plan
	// Store keeps the plan for all replicas. Without it, the plan is local to the
	// injector.
	Store Store
	// Replica is the unique name of this replica.
	Replica string
	// MemoryLimit is the memory limit of this replica in bytes. A ballast of a
	// fixed size is at most a quarter of it. 0 means unknown, and counts as 1 GiB.
	MemoryLimit uint64
	// Memory returns the current used and total memory of the machine or container,
	// in bytes. Without it, the fault memory.percent has no effect.
	Memory func() (used, total uint64, err error)
	// Crash ends the process immediately. Without it, the fault crash does nothing.
	Crash func()
	// Logger logs applied plans and failures of the store.
	Logger *slog.Logger
	// Registerer registers the metrics onsale_faults_injected_total,
	// onsale_fault_active and onsale_fault_ballast_bytes.
	Registerer prometheus.Registerer
	// Now is the clock that ends faults; the default is [time.Now].
	Now func() time.Time
}

// Injector applies the faults of a plan. It is safe for concurrent use.
type Injector struct {
	store       Store
	replica     string
	memoryLimit uint64
	memory      func() (used, total uint64, err error)
	crash       func()
	log         *slog.Logger
	metrics     *metrics
	now         func() time.Time
	// started is when this replica was created. Crashes set earlier do not affect
	// it.
	started time.Time

	current atomic.Pointer[applied]
	// replacing is locked while current is replaced.
	replacing sync.Mutex
	// setting contains a token while a plan is being set, so plans are applied in
	// the order in which they are stored.
	setting chan struct{}
	// changed signals to Run that another plan was applied.
	changed chan struct{}

	// The version in the last heartbeat, and its time.
	beating     sync.Mutex
	beatVersion int64
	beatAt      time.Time
}

// NewInjector returns an injector that has applied o.Plan. Call [Injector.Load]
// before serving the first call, and keep [Injector.Run] running while serving
// calls.
func NewInjector(o Options) *Injector {
	i := &Injector{
		store:       o.Store,
		replica:     o.Replica,
		memoryLimit: o.MemoryLimit,
		memory:      o.Memory,
		crash:       o.Crash,
		log:         o.Logger,
		now:         o.Now,
		setting:     make(chan struct{}, 1),
		changed:     make(chan struct{}, 1),
	}
	if i.memoryLimit == 0 {
		i.memoryLimit = unknownMemoryLimit
	}
	if i.log == nil {
		i.log = slog.New(slog.DiscardHandler)
	}
	if i.now == nil {
		i.now = time.Now
	}
	i.started = i.now()
	i.current.Store(apply(State{Plan: o.Plan}, i.started))
	i.metrics = newMetrics(o.Registerer, i.active)
	return i
}

// Set stores the plan for all replicas and applies it here immediately. Its faults
// start now. It returns the new state. It returns a [*PlanError] for an invalid
// plan, the errors of the store, and the error of ctx. After an error, nothing is
// applied here, but the store may still have stored the plan.
func (i *Injector) Set(ctx context.Context, p Plan) (State, error) {
	if err := p.Validate(); err != nil {
		return State{}, err
	}
	select {
	case i.setting <- struct{}{}:
		defer func() { <-i.setting }()
	case <-ctx.Done():
		return State{}, ctx.Err()
	}
	p = p.normal()
	asked := i.now()
	state := State{Version: i.current.Load().state.Version + 1}
	if i.store != nil {
		var err error
		if state, err = i.store.SavePlan(ctx, p); err != nil {
			return State{}, fmt.Errorf("save fault plan: %w", err)
		}
	}
	state.Plan = p
	return i.applySet(ctx, state, asked), nil
}

// applySet applies a state that was just stored, and returns the local state. asked
// is the time of the request to the store. The caller holds i.setting.
func (i *Injector) applySet(ctx context.Context, state State, asked time.Time) State {
	i.replacing.Lock()
	i.replace(state, asked)
	i.replacing.Unlock()
	if i.store != nil {
		// With this heartbeat, the next list of replicas shows the new version. If
		// it fails, Run sends another one.
		_ = i.beat(ctx)
	}
	return i.State()
}

// Load applies the stored plan, if there is one and it is not applied yet. It
// returns the errors of the store and of ctx.
func (i *Injector) Load(ctx context.Context) error {
	if i.store == nil {
		return nil
	}
	before, asked := i.current.Load(), i.now()
	state, err := i.store.LoadPlan(ctx)
	if err != nil {
		return fmt.Errorf("load fault plan: %w", err)
	}
	i.replacing.Lock()
	defer i.replacing.Unlock()
	if i.current.Load() != before {
		return nil // a plan was set meanwhile, and the loaded one may be older
	}
	if state.Version != 0 && state.Version != before.state.Version {
		i.replace(state, asked)
	}
	return nil
}

// replace replaces the current plan. asked is the time at which the state was
// requested. The caller holds i.replacing.
func (i *Injector) replace(state State, asked time.Time) {
	next := apply(state, asked)
	if next.lasting[kindCrash].on && next.lasting[kindCrash].begun.Before(i.started) {
		state.Plan.Crash = Crash{} // it was set before this process started
		next = apply(state, asked)
	}
	i.current.Load().release(next)
	i.current.Store(next)
	select {
	case i.changed <- struct{}{}:
	default: // Run has not read the last change yet, and will read this one too
	}
	i.log.Info("fault plan applied", "version", state.Version, "summary", i.State().InForce().Plan.Summary())
}

// State returns the plan that is applied here, with its current age.
func (i *Injector) State() State {
	a := i.current.Load()
	return State{Version: a.state.Version, Plan: a.state.Plan.normal(), Age: i.now().Sub(a.since), Begun: maps.Clone(a.state.Begun)}
}

// Active returns the sorted names of the active faults, as in the label fault of
// the metrics.
func (i *Injector) Active() []string {
	names := []string{}
	for k, name := range kindNames {
		if i.active(kind(k)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (i *Injector) active(k kind) bool { return i.current.Load().lasting[k].active(i.now) }

// Ready reports whether the plan allows this replica to report that it is ready.
// Each false counts as an injected fault.
func (i *Injector) Ready() bool { return !i.switched(kindNotReady) }

// ScrapeDown reports whether the plan makes the metrics unavailable. Each true
// counts as an injected fault.
func (i *Injector) ScrapeDown() bool { return i.switched(kindScrapeOutage) }

func (i *Injector) switched(k kind) bool {
	if !i.active(k) {
		return false
	}
	i.metrics.count(k)
	return true
}
