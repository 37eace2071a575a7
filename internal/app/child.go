package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os/exec"
	"path/filepath"
	"time"

	"onsale/internal/lock"
	"onsale/internal/monitor"
	"onsale/internal/sidecar"
)

// The memory that the monitoring of `onsale up` may take, in bytes: a quarter of
// what the machine or the container has, within these bounds. It needs some 80 MB.
const (
	leastChildMemory = 384 << 20
	mostChildMemory  = 1 << 30
)

// childLimit is how long the monitoring's process may take to end before it is
// killed, just before monitoringLimit is over.
const childLimit = monitoringLimit - time.Second

// childSettings are what the monitoring's process must know beside its environment.
type childSettings struct {
	Watch       Watch
	DataDir     string
	Local       string // the URL of the API, as seen from this machine
	MemoryLimit uint64
}

// monitorProcess makes the process of the monitoring, after checking every option
// and file that it would refuse. It also returns the expressions of all alerts.
func (a *App) monitorProcess(local string) (_ *sidecar.Process, expressions []string, err error) {
	up := a.options.Up
	expressions, err = up.Watch.options(a.options.DataDir, local, []string{local}, a.log).Expressions()
	if err != nil {
		return nil, nil, err
	}
	limit := uint64(mostChildMemory)
	if known := a.machine.MemoryLimit(); known > 0 {
		limit = min(max(known/4, leastChildMemory), mostChildMemory)
	}
	settings, err := json.Marshal(childSettings{*up.Watch, a.options.DataDir, local, limit})
	if err != nil {
		return nil, nil, fmt.Errorf("encode settings of the monitoring: %w", err)
	}
	return sidecar.New(sidecar.Options{
		Name: "monitoring", Prefix: "onsale: ",
		Report: func(err error) { a.say("the monitoring ended, the sale goes on and it starts again: %v", err) },
		Health: "/-/healthy", EndLimit: childLimit, Logger: a.log,
		Command: func() *exec.Cmd { return up.Child(string(settings)) },
	}), expressions, nil
}

// MonitorChild is what the process does that monitors beside `onsale up`. It talks
// to its parent by in and out, and ends with it. The settings are those that
// [Up].Child was given; the webhook is not among them.
func MonitorChild(ctx context.Context, settings string, discordURL Secret, in io.ReadCloser, out io.WriteCloser, log *slog.Logger) error {
	var s childSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return fmt.Errorf("read settings of the monitoring: %w", err)
	}
	// It outlives a parent that is killed, for as long as it takes to stop. Nobody
	// may wipe the data directory until then.
	used, err := lock.Share(filepath.Join(s.DataDir, lockFile))
	if err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	defer func() { _ = used.Release() }() // the end of the process releases it as well
	s.Watch.DiscordURL = discordURL
	m, err := monitor.New(s.Watch.options(s.DataDir, s.Local, []string{s.Local}, log))
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	for _, mount := range mounts(m.Prometheus(), m.Alertmanager(), m.Inbox(), m.Coverage()) {
		mux.Handle(mount.Pattern, mount.Handler)
	}
	return sidecar.Serve(ctx, sidecar.ChildOptions{
		In: in, Out: out, Handler: mux, Run: m.Run, MemoryLimit: s.MemoryLimit, Logger: log,
	})
}
