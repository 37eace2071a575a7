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
	"onsale/internal/stress/api"
	"onsale/internal/stress/history"
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

// extras are what `onsale up` runs in addition to the API.
type extras struct {
	monitor *sidecar.Process // nil without monitoring
	crowd   *crowd.Crowd
	client  *client.Client // the crowd's
	runs    *api.Manager
	// endStreams ends the event streams of the load tests.
	endStreams context.CancelFunc
}

// runCrowd runs the crowd, and closes its client.
func (x *extras) runCrowd(ctx context.Context) error {
	defer x.client.Close()
	return x.crowd.Run(ctx)
}

// closeRuns ends the load test that is under way.
func (x *extras) closeRuns(ctx context.Context) error {
	x.endStreams()
	return x.runs.Close(ctx)
}

// openExtras makes what `onsale up` runs in addition, and returns what the API's server
// mounts of it. The program calls its own API with its own token.
func (a *App) openExtras(ctx context.Context, version, ownToken string) ([]server.Mount, error) {
	up, base := a.options.Up, endpoint.LocalURL(a.listener.Addr())
	if err := a.openCrowd(base, ownToken); err != nil {
		return nil, err
	}
	all := append(a.openStress(ctx, base, version, ownToken), server.Mount{
		Pattern: "/crowd", Handler: a.extras.crowd.Handler(), Access: server.Admin,
	})
	page := console.Options{
		Version: version, HasAPI: true, HasCrowd: true, Job: catalog.DefaultSettings().Job, Targets: []string{base}, Logger: a.log,
	}
	if up.Watch == nil {
		page.Alerts = DefaultWatch().alerts(base) // the runbooks are of use to anyone who monitors from elsewhere
		return withPage(all, page)
	}
	process, expressions, err := a.monitorProcess(base)
	if err != nil {
		return nil, err
	}
	a.extras.monitor = process
	page = up.Watch.page(page, base)
	page.Site, page.Expressions = a.site(time.Now()), expressions
	return withPage(append(all, mounts(process, process, process, process)...), page)
}

// openCrowd makes the demo crowd.
func (a *App) openCrowd(base, ownToken string) error {
	// The program's own token must not reach a proxy.
	direct := &http.Transport{MaxIdleConnsPerHost: crowd.MaxUsers, IdleConnTimeout: time.Minute}
	var err error
	a.extras.client, err = client.New(base, client.Options{Token: ownToken, UserAgent: "onsale-crowd", Transport: direct})
	if err != nil {
		return fmt.Errorf("make client of the crowd: %w", err)
	}
	up := a.options.Up
	a.extras.crowd, err = crowd.New(crowd.Options{
		Client: a.extras.client, Settings: crowd.Settings{Users: up.Users, Scenario: up.Scenario}, MaxUsers: maxCrowd(a.options), Logger: a.log,
	})
	if err != nil {
		return fmt.Errorf("make crowd: %w", err)
	}
	return nil
}

// openStress makes the manager and the API of load tests against this server.
func (a *App) openStress(ctx context.Context, base, version, ownToken string) []server.Mount {
	// The address is this process's own: what goes there stays on this machine, and with it the token.
	own, err := wire.ParseTarget(base)
	if err != nil {
		a.log.Error("load tests have no default host", "error", err)
	}
	a.extras.runs = api.NewManager(api.ManagerOptions{
		Store: history.New(a.options.DataDir), Host: base, Target: own, AdminToken: ownToken, Program: version, Logger: a.log,
		Own: api.Own{
			Addr: a.listener.Addr(), MaxConnections: a.options.MaxConnections,
			Taken: func() int { return a.extras.crowd.State().Users },
		},
	})
	streaming, end := context.WithCancel(context.WithoutCancel(ctx))
	a.extras.endStreams = end
	return stressMounts(api.Handler(streaming, a.extras.runs, a.log))
}

// announceUp says what is where.
func (a *App) announceUp() {
	up, base := a.options.Up, endpoint.LocalURL(a.listener.Addr())
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
