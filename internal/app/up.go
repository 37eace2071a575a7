package app

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"time"

	"onsale/internal/catalog"
	"onsale/internal/client"
	"onsale/internal/console"
	"onsale/internal/crowd"
	"onsale/internal/endpoint"
	"onsale/internal/server"
	"onsale/internal/sidecar"
	"onsale/internal/stress/control"
	"onsale/internal/stress/history"
	"onsale/internal/stress/session"
	"onsale/internal/stress/wire"
)

// Up says what `onsale up` runs beside the API.
type Up struct {
	// Watch is how the API is monitored; nil for not at all. Child makes the command
	// that calls [MonitorChild] with these settings: the monitoring runs in a process
	// of its own.
	Watch *Watch
	Child func(settings string) *exec.Cmd
	// Users is how large the demo crowd is, and Scenario what it does.
	Users    int
	Scenario string
}

// DefaultUp is `onsale up` without a flag.
func DefaultUp() Up {
	watch := DefaultWatch()
	return Up{Watch: &watch, Users: crowd.DefaultUsers, Scenario: crowd.Tickets}
}

// DemoBooksInterval is the time between two comparisons of the books at demo pace.
const DemoBooksInterval = 5 * time.Second

func (u *Up) validate(o Options) error {
	most := maxCrowd(o)
	if u.Users > most && u.Users <= crowd.MaxUsers {
		return fmt.Errorf("--crowd must be between 0 and %d, not %d: each user takes a connection, and half of --max-connections is for others",
			most, u.Users)
	}
	if err := (crowd.Settings{Users: u.Users, Scenario: u.Scenario}).Validate(most); err != nil {
		return fmt.Errorf("--crowd, --scenario: %w", err)
	}
	if u.Watch == nil {
		return nil
	}
	return u.Watch.validate([]string{"http://127.0.0.1:1"}, o.Logger)
}

// maxCrowd is how many demo users there may be, so that they leave half of all
// connections to others.
func maxCrowd(o Options) int { return min(crowd.MaxUsers, o.MaxConnections/2) }

// beside is what runs beside the API.
type beside struct {
	monitor *sidecar.Process // nil without monitoring
	crowd   *crowd.Crowd
	client  *client.Client // the crowd's
	desk    *session.Desk  // nil beside no `up`
	// endStreams ends the event streams of the desk.
	endStreams context.CancelFunc
}

// openBeside makes what runs beside the API, and returns what it mounts there.
func (a *App) openBeside(ctx context.Context, version, ownToken string) ([]server.Mount, error) {
	up := a.options.Up
	if up == nil {
		return nil, nil
	}
	base := endpoint.LocalURL(a.listener.Addr())
	// The program's own token must not reach a proxy.
	direct := &http.Transport{MaxIdleConnsPerHost: crowd.MaxUsers, IdleConnTimeout: time.Minute}
	api, err := client.New(base, client.Options{Token: ownToken, UserAgent: "onsale-crowd", Transport: direct})
	if err != nil {
		return nil, fmt.Errorf("make client of the crowd: %w", err)
	}
	a.beside.client = api
	a.beside.crowd, err = crowd.New(crowd.Options{
		Client: api, Settings: crowd.Settings{Users: up.Users, Scenario: up.Scenario}, MaxUsers: maxCrowd(a.options), Logger: a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("make crowd: %w", err)
	}
	all := append(a.openDesk(ctx, base, version, ownToken), server.Mount{
		Pattern: "/crowd", Handler: a.beside.crowd.Handler(), Access: server.Admin,
	})
	page := console.Options{
		Version: version, HasAPI: true, HasCrowd: true, Job: catalog.DefaultSettings().Job, Targets: []string{base}, Logger: a.log,
	}
	if up.Watch == nil {
		page.Alerts = DefaultWatch().alerts(base) // the runbooks are of use to whoever watches from elsewhere
	} else {
		process, expressions, err := a.monitorProcess(base)
		if err != nil {
			return nil, err
		}
		a.beside.monitor = process
		all = append(all, mounts(a.beside.monitor, a.beside.monitor, a.beside.monitor, a.beside.monitor)...)
		page = up.Watch.page(page, base)
		page.Site = a.site(time.Now())
		page.Expressions = expressions
	}
	return withPage(all, page)
}

// openDesk makes the desk at which load tests of this server are started.
func (a *App) openDesk(ctx context.Context, base, version, ownToken string) []server.Mount {
	// The address is this process's own: what goes there stays on this machine, and with it the token.
	own, err := wire.ParseTarget(base)
	if err != nil {
		a.log.Error("load tests have no default host", "error", err)
	}
	a.beside.desk = session.NewDesk(session.DeskOptions{
		Store: history.New(a.options.DataDir), Host: base, Target: own, AdminToken: ownToken, Program: version, Logger: a.log,
		Own: session.Own{
			Addr: a.listener.Addr(), MaxConnections: a.options.MaxConnections,
			Taken: func() int { return a.beside.crowd.State().Users },
		},
	})
	streaming, end := context.WithCancel(context.WithoutCancel(ctx))
	a.beside.endStreams = end
	return deskMounts(control.Handler(streaming, a.beside.desk, a.log))
}

// deskMounts are where the load tester's API stands, for admins.
func deskMounts(handler http.Handler) []server.Mount {
	return []server.Mount{
		{Pattern: "/stress", Handler: handler, Access: server.Admin},
		{Pattern: "/stress/", Handler: handler, Access: server.Admin},
	}
}

// page fills in what the page says about the monitoring.
func (w Watch) page(o console.Options, local string) console.Options {
	pace, _ := catalog.ParsePace(w.Pace)
	o.HasMonitor, o.Job, o.Pace, o.DiscordSet = true, w.Settings.Job, pace, w.DiscordURL != "" && w.AlertmanagerConfig == ""
	o.Alerts = w.alerts(local)
	return o
}

func withPage(all []server.Mount, o console.Options) ([]server.Mount, error) {
	page, err := console.New(o)
	if err != nil {
		return nil, fmt.Errorf("make page: %w", err)
	}
	for _, pattern := range []string{"GET /{$}", "GET /ui/", "GET /runbooks/"} {
		all = append(all, server.Mount{Pattern: pattern, Handler: page, Page: true})
	}
	if o.Site != nil {
		all = append(all, server.Mount{Pattern: "GET /provocations", Handler: page})
	}
	return all, nil
}

// startBeside starts what runs beside the API, and returns how each part is stopped.
func (a *App) startBeside(ctx context.Context) []*undo {
	if a.options.Up == nil {
		return nil
	}
	var all []*undo
	if a.beside.monitor != nil {
		all = append(all, a.parts.Beside(ctx, "monitoring", monitoringLimit, a.beside.monitor.Run))
	}
	return append(all,
		a.parts.OnStop("load test", deskLimit, func(ctx context.Context) error {
			a.beside.endStreams()
			return a.beside.desk.Close(ctx)
		}),
		a.parts.Beside(ctx, "crowd", crowdLimit, func(ctx context.Context) error {
			defer a.beside.client.Close()
			return a.oncePrepared(a.beside.crowd.Run)(ctx)
		}))
}

// announceBeside says what is where.
func (a *App) announceBeside() {
	up := a.options.Up
	if up == nil {
		return
	}
	base := endpoint.LocalURL(a.listener.Addr())
	a.say("page %s/ · API %s/docs · metrics %s/metrics", base, base, base)
	if up.Watch == nil {
		a.say("monitoring is off (--monitor off)")
	} else {
		a.say("Prometheus %s/api/v1 · Alertmanager %s/api/v2", base, base)
		a.say("alerts go %s", up.Watch.told(base))
		if up.Watch.Pace == catalog.Demo().Name {
			a.say("demo pace: looks every second, and what takes a minute takes 5 s; --pace real for the pace of a real service")
		}
	}
	if up.Users > 0 {
		a.say("a demo crowd of %d is there (scenario %s); --crowd 0 sends it home", up.Users, up.Scenario)
	}
}
