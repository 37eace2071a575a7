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
	// retention is how long expired silences and notification log entries are kept.
	// It is Alertmanager's default.
	retention = 120 * time.Hour
	// maintenanceInterval is how often both files are written to disk. A crash loses
	// the entries of at most one interval.
	maintenanceInterval = time.Minute
	// alertGCInterval is how often resolved alerts are removed from memory.
	alertGCInterval = 30 * time.Minute
	// groupGCInterval is how often empty groups are removed from memory.
	groupGCInterval = 30 * time.Second
	// maxSilences and maxSilenceBytes limit the memory that API callers can use:
	// 1,000 silences of at most 8 KiB. An answer with all of them needs about ten
	// times as much memory, and each change writes all of them to disk.
	maxSilences     = 1_000
	maxSilenceBytes = 8 << 10
	// maxBody limits a request body, in bytes. It is enough for about 1,000 alerts.
	maxBody = 1 << 20
	// drainTime is how long a pending notification may take after Run has to stop.
	// Without it, a notification could be sent and not recorded as sent.
	drainTime = 2 * time.Second
)

// apiMaking guards a global variable of the library: NewAPI changes the description
// of the API without a lock. The mutex is global because that variable is.
var apiMaking sync.Mutex

// engine holds the running parts of a manager.
type engine struct {
	alerts     *mem.Alerts
	api        *apiv2.API
	inhibitor  *inhibit.Inhibitor
	dispatcher *dispatch.Dispatcher
	silences   *silence.Silences

	// flushes counts the groups whose notifications are being sent. No flush starts
	// once closing is set. mu guards closing.
	flushes sync.WaitGroup
	mu      sync.Mutex
	closing bool
	// cut ends when drainTime is over. It cancels notifications that are still pending.
	cut       context.Context
	endFlush  context.CancelFunc
	endUpkeep chan struct{}
	upkeep    sync.WaitGroup
}

// start opens the state on disk, connects the parts and starts them. It is one
// straight function because nearly every part needs the previous ones. The order is
// that of Alertmanager's main function. The parts run until stop, even if the
// context ends earlier.
func (m *Manager) start(ctx context.Context) (*engine, error) {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return nil, fmt.Errorf("create alertmanager directory: %w", err)
	}
	notifications, err := m.openNotifications()
	if err != nil {
		return nil, fmt.Errorf("read notification log: %w", err)
	}
	silences, err := m.openSilences()
	if err != nil {
		return nil, fmt.Errorf("read silences: %w", err)
	}

	// The parts register metrics that nothing reads. Each run has its own registry
	// because registering a metric twice panics.
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
		return nil, fmt.Errorf("create alert store: %w", err)
	}
	e.cut, e.endFlush = context.WithCancel(ctx)
	e.inhibitor = inhibit.NewInhibitor(e.alerts, m.setup.config.InhibitRules, m.library, recorder)
	pipeline := notify.NewPipelineBuilder(registry, flags, recorder).New(
		m.setup.integrations(notifications),
		func() time.Duration { return 0 }, // no wait, because there are no peers
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
		return nil, fmt.Errorf("create alertmanager api: %w", err)
	}
	e.api.Update(m.setup.config, func(ctx context.Context, labels model.LabelSet) {
		e.inhibitor.Mutes(ctx, labels)
		silencer.Mutes(ctx, labels)
	})

	// The inhibitor starts first. Otherwise an alert could be sent before the
	// inhibitor has loaded the alert that inhibits it.
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

// flushTimeout is how long the notification of a group may take, including retries:
// until the group's next flush, and at least the library's minimum.
func flushTimeout(interval time.Duration) time.Duration { return max(interval, notify.MinTimeout) }

// flush runs the pipeline on a context that survives the dispatcher's. The
// dispatcher's context ends as soon as the dispatcher stops. A message that was just
// sent would then not be recorded, and a restart would send it again.
func (e *engine) flush(pipeline notify.Stage) notify.Stage {
	return notify.StageFunc(func(ctx context.Context, log *slog.Logger, alerts ...*alert.Alert) (context.Context, []*alert.Alert, error) {
		if !e.beginFlush() {
			return ctx, nil, context.Canceled
		}
		defer e.flushes.Done()
		flushCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		if deadline, ok := ctx.Deadline(); ok {
			flushCtx, cancel = context.WithDeadline(flushCtx, deadline)
			defer cancel()
		}
		defer context.AfterFunc(e.cut, cancel)()
		_, alerts, err := pipeline.Exec(flushCtx, log, alerts...)
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

// stop stops the parts in reverse order. Pending notifications get drainTime to finish.
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
