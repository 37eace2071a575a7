package alerting

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/alert"
	apiv2 "github.com/prometheus/alertmanager/api/v2"
	"github.com/prometheus/alertmanager/dispatch"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/featurecontrol"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/marker"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
)

const (
	// retention is how long silences that ended and notifications are remembered,
	// as in Alertmanager's own defaults.
	retention = 120 * time.Hour
	// maintenanceInterval is how often both are written to disk. A crash loses at
	// most this much; both files are small.
	maintenanceInterval = time.Minute
	// alertGCInterval is how often alerts that are over are forgotten.
	alertGCInterval = 30 * time.Minute
	// groupGCInterval is how often groups that are over are forgotten.
	groupGCInterval = 30 * time.Second
	// maxSilences and maxSilenceBytes bound what the API can make this process
	// keep: 1,000 silences of at most 8 KiB. An answer with all of them takes some ten
	// times that, and each change writes all of them to disk.
	maxSilences     = 1_000
	maxSilenceBytes = 8 << 10
	// maxBody is the longest body of a request, in bytes: some 1,000 alerts.
	maxBody = 1 << 20
	// drainTime is how long a notification on its way may take once Run is told to
	// stop, so that what was told is also remembered as told.
	drainTime = 2 * time.Second
)

// apiMaking guards what the library keeps for the whole process: the description
// of its API, which it completes, without a lock, each time that one is made. It
// must be as wide as what it guards.
var apiMaking sync.Mutex

// engine is the running part of a manager.
type engine struct {
	alerts     *mem.Alerts
	api        *apiv2.API
	inhibitor  *inhibit.Inhibitor
	dispatcher *dispatch.Dispatcher
	silences   *silence.Silences

	// flushes counts the groups that are being told. No other begins once closing
	// is set, which mu guards.
	flushes sync.WaitGroup
	mu      sync.Mutex
	closing bool
	// cut ends what is still being told when the time to drain is over.
	cut       context.Context
	endFlush  context.CancelFunc
	endUpkeep chan struct{}
	upkeep    sync.WaitGroup
}

// start opens the state on disk, wires the parts and sets them going. It is one
// straight function on purpose: nearly every part needs those before it, and the
// order is that of Alertmanager's own main function. What it starts is ended by
// stop, and not by the context.
func (m *Manager) start(ctx context.Context) (*engine, error) {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make alertmanager directory: %w", err)
	}
	notifications, err := m.openNotifications()
	if err != nil {
		return nil, fmt.Errorf("read log of notifications: %w", err)
	}
	silences, err := m.openSilences()
	if err != nil {
		return nil, fmt.Errorf("read silences: %w", err)
	}

	// The parts register metrics that nobody reads; the registry is this run's own,
	// because registering twice panics.
	var (
		registry = prometheus.NewRegistry()
		recorder = eventrecorder.NopRecorder()
		flags    = featurecontrol.NoopFlags{}
		groups   = marker.NewGroupMarker()
		silencer = silence.NewSilencer(silences, m.library, recorder)
		e        = &engine{silences: silences, endUpkeep: make(chan struct{})}
	)
	e.alerts, err = mem.NewAlerts(ctx, alertGCInterval, 0, silencer, m.library, recorder, registry, flags)
	if err != nil {
		return nil, fmt.Errorf("make store of alerts: %w", err)
	}
	e.cut, e.endFlush = context.WithCancel(ctx)
	e.inhibitor = inhibit.NewInhibitor(e.alerts, m.setup.config.InhibitRules, m.library, recorder)
	pipeline := notify.NewPipelineBuilder(registry, flags, recorder).New(
		m.setup.integrations(notifications),
		func() time.Duration { return 0 }, // there are no peers to wait for
		e.inhibitor, silencer, timeinterval.NewIntervener(m.setup.intervals()), groups, notifications, nil,
	)
	e.dispatcher = dispatch.NewDispatcher(
		e.alerts, m.setup.routes, e.flush(pipeline), groups, flushTimeout, groupGCInterval, nil,
		m.library, recorder, dispatch.NewDispatcherMetrics(false, registry, flags), m.setup.template,
	)
	apiMaking.Lock()
	e.api, err = apiv2.NewAPI(e.alerts, e.dispatcher.Groups, groups.Muted, silences, nil, m.callers, registry)
	apiMaking.Unlock()
	if err != nil {
		e.alerts.Close()
		return nil, fmt.Errorf("make alertmanager api: %w", err)
	}
	e.api.Update(m.setup.config, func(ctx context.Context, labels model.LabelSet) {
		e.inhibitor.Mutes(ctx, labels)
		silencer.Mutes(ctx, labels)
	})

	// The inhibitor first, or an alert could be told before what inhibits it is known.
	go e.inhibitor.Run()
	e.inhibitor.WaitForLoading()
	go e.dispatcher.Run(time.Now())
	e.dispatcher.WaitForLoading()
	e.upkeep.Go(func() {
		notifications.Maintenance(maintenanceInterval, m.notificationFile(), e.endUpkeep, nil)
	})
	e.upkeep.Go(func() {
		silences.Maintenance(maintenanceInterval, m.silenceFile(), e.endUpkeep, func() (int64, error) {
			_, err := silences.GC()
			return 0, errors.Join(err, m.saveSilences())
		})
	})
	return e, nil
}

// flushTimeout is how long telling a group may take, retries included: until its
// next turn, but no less than the library allows for.
func flushTimeout(interval time.Duration) time.Duration { return max(interval, notify.MinTimeout) }

// flush runs the pipeline apart from the dispatcher's context, which ends at once
// when the dispatcher stops: a message that has been sent would not be remembered
// as sent, and told again after a restart.
func (e *engine) flush(pipeline notify.Stage) notify.Stage {
	return notify.StageFunc(func(ctx context.Context, log *slog.Logger, alerts ...*alert.Alert) (context.Context, []*alert.Alert, error) {
		if !e.beginFlush() {
			return ctx, nil, context.Canceled
		}
		defer e.flushes.Done()
		told, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		if deadline, ok := ctx.Deadline(); ok {
			told, cancel = context.WithDeadline(told, deadline)
			defer cancel()
		}
		defer context.AfterFunc(e.cut, cancel)()
		_, alerts, err := pipeline.Exec(told, log, alerts...)
		return ctx, alerts, err
	})
}

func (e *engine) beginFlush() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closing {
		e.flushes.Add(1)
	}
	return !e.closing
}

// stop undoes what start did, in reverse.
func (e *engine) stop() {
	last := time.AfterFunc(drainTime, e.endFlush)
	e.dispatcher.Stop()
	e.mu.Lock()
	e.closing = true
	e.mu.Unlock()
	e.flushes.Wait()
	last.Stop()
	e.endFlush()
	e.inhibitor.Stop()
	e.alerts.Close()
	close(e.endUpkeep)
	e.upkeep.Wait()
}

func (m *Manager) notificationFile() string { return filepath.Join(m.dir, "nflog") }

func (m *Manager) silenceFile() string { return filepath.Join(m.dir, "silences") }

func (m *Manager) openNotifications() (*nflog.Log, error) {
	return reopen(m.log, m.notificationFile(), func(file string) (*nflog.Log, error) {
		return nflog.New(nflog.Options{
			SnapshotFile: file,
			Retention:    retention,
			Logger:       m.library.With("component", "nflog"),
			Metrics:      prometheus.NewRegistry(),
		})
	})
}

func (m *Manager) openSilences() (*silence.Silences, error) {
	return reopen(m.log, m.silenceFile(), func(file string) (*silence.Silences, error) {
		return silence.New(silence.Options{
			SnapshotFile: file,
			Retention:    retention,
			Limits: silence.Limits{
				MaxSilences:         func() int { return maxSilences },
				MaxSilenceSizeBytes: func() int { return maxSilenceBytes },
			},
			Logger:  m.library.With("component", "silences"),
			Metrics: prometheus.NewRegistry(),
		})
	})
}
