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

// Options say how an [Injector] works. All may be left out.
type Options struct {
	// Plan is applied until the store has one. It must be valid.
	Plan Plan
	// Store keeps the plan for all replicas; without one, the injector keeps
	// its plan to itself.
	Store Store
	// Replica is this replica's name, unlike that of any other.
	Replica string
	// MemoryLimit is what this replica may use, in bytes; a quarter of it is the
	// most ballast of a fixed size. 0 is unknown, and counts as 1 GiB.
	MemoryLimit uint64
	// Memory returns how much memory is used and how much there is, in bytes, of the
	// machine or the container, as fresh as it can be. Without it, memory cannot be
	// filled up to a share.
	Memory func() (used, total uint64, err error)
	// Crash ends the process at once; without it, the fault crash does nothing.
	Crash func()
	// Logger is told of plans that were applied and of a store that fails.
	Logger *slog.Logger
	// Registerer gets the metrics onsale_faults_injected_total,
	// onsale_fault_active and onsale_fault_ballast_bytes.
	Registerer prometheus.Registerer
	// Now is the clock that ends faults; [time.Now] if left out.
	Now func() time.Time
}

// Injector makes the faults of a plan happen. It is safe for concurrent use.
type Injector struct {
	store       Store
	replica     string
	memoryLimit uint64
	memory      func() (used, total uint64, err error)
	crash       func()
	log         *slog.Logger
	metrics     *metrics
	now         func() time.Time
	// started is when this replica was made: it is spared crashes from before.
	started time.Time

	current atomic.Pointer[applied]
	// replacing is held while current is replaced.
	replacing sync.Mutex
	// setting holds a token while a plan is being set, so that plans are
	// applied in the order in which they were stored.
	setting chan struct{}
	// changed tells Run that another plan was applied.
	changed chan struct{}

	// The version that the last heartbeat told, and when.
	beating     sync.Mutex
	toldVersion int64
	toldAt      time.Time
}

// NewInjector returns an injector that has applied o.Plan. Call [Injector.Load]
// before the first call is served, and [Injector.Run] as long as any is.
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

// Set stores the plan for all replicas and applies it here at once; its faults
// last from now. It returns the plan's new state. Errors: a [*PlanError] for a
// plan that breaks a rule, those of the store, and ctx's; with an error nothing
// is applied here, though a store that failed late may have stored the plan.
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

// applySet applies what was stored just now, asked for at a time, and returns
// the state here. The caller holds i.setting.
func (i *Injector) applySet(ctx context.Context, state State, asked time.Time) State {
	i.replacing.Lock()
	i.replace(state, asked)
	i.replacing.Unlock()
	if i.store != nil {
		// Anyone who asks next which replicas have the plan is told of this one.
		// Should it fail, Run makes up for it.
		_ = i.beat(ctx)
	}
	return i.State()
}

// Load applies the stored plan, if there is one and it is not applied yet.
// Errors: those of the store, and ctx's.
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
		return nil // a plan was set meanwhile; what was loaded may be older
	}
	if state.Version != 0 && state.Version != before.state.Version {
		i.replace(state, asked)
	}
	return nil
}

// replace applies a plan, whose state was asked for at a time, in the place of
// the current one. The caller holds i.replacing.
func (i *Injector) replace(state State, asked time.Time) {
	next := apply(state, asked)
	if next.lasting[kindCrash].on && next.lasting[kindCrash].begun.Before(i.started) {
		state.Plan.Crash = Crash{} // it was meant for those before
		next = apply(state, asked)
	}
	i.current.Load().release(next)
	i.current.Store(next)
	select {
	case i.changed <- struct{}{}:
	default: // Run has not looked since the last change, and will see this one
	}
	i.log.Info("fault plan applied", "version", state.Version, "summary", i.State().InForce().Plan.Summary())
}

// State returns the plan that is applied here, and how old it is now.
func (i *Injector) State() State {
	a := i.current.Load()
	return State{Version: a.state.Version, Plan: a.state.Plan.normal(), Age: i.now().Sub(a.since), Begun: maps.Clone(a.state.Begun)}
}

// Active returns the names of the faults that last now, sorted, as they stand
// in the label fault of the metrics.
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

// Ready reports whether the plan lets this replica say that it is ready. Each
// no is counted as a fault.
func (i *Injector) Ready() bool { return !i.switched(kindNotReady) }

// ScrapeDown reports whether the plan makes the metrics unavailable. Each yes
// is counted as a fault.
func (i *Injector) ScrapeDown() bool { return i.switched(kindScrapeOutage) }

func (i *Injector) switched(k kind) bool {
	if !i.active(k) {
		return false
	}
	i.metrics.count(k)
	return true
}
