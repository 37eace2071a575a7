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

// The bounds of the memory limit of the monitoring process, in bytes. The limit is a quarter
// of the memory of the machine or the container. The process needs some 80 MB.
const (
	leastChildMemory = 384 << 20
	mostChildMemory  = 1 << 30
)

// childLimit is the time after which a monitoring process that does not stop is killed. It
// ends before monitoringLimit does.
const childLimit = monitoringLimit - time.Second

// childSettings are the settings of the monitoring process, in addition to its environment.
type childSettings struct {
	Watch       Watch
	DataDir     string
	Local       string // the URL of the API on this machine
	MemoryLimit uint64
}

// monitorProcess checks the options and files of the monitoring, and returns the process
// that runs it. It also returns the expressions of all alerts.
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
		Report: func(err error) { a.say("the monitoring ended and restarts, but ticket sales continue: %v", err) },
		Health: "/-/healthy", EndLimit: childLimit, Logger: a.log,
		Command: func() *exec.Cmd { return up.Child(string(settings)) },
	}), expressions, nil
}

// MonitorChild runs the monitoring in the child process of `onsale up`, until its parent
// ends. In and out are the pipes to the parent. The settings are the argument of [Up].Child;
// they do not contain the webhook, which discordURL is.
func MonitorChild(ctx context.Context, settings string, discordURL Secret, in io.ReadCloser, out io.WriteCloser, log *slog.Logger) error {
	var s childSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return fmt.Errorf("read settings of the monitoring: %w", err)
	}
	// This process outlives a parent that is killed, for as long as it takes to stop. Until
	// then, no other process can wipe the data directory.
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
