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

// Up configures what `onsale up` runs in addition to the API.
type Up struct {
	// Watch configures the monitoring; nil turns it off. The monitoring runs in a process
	// of its own: Child returns the command that calls [MonitorChild] with the settings.
	Watch *Watch
	Child func(settings string) *exec.Cmd
	// Users is the number of demo users, and Scenario what they do.
	Users    int
	Scenario string
}

// DefaultUp returns the defaults of `onsale up`.
func DefaultUp() Up {
	watch := DefaultWatch()
	return Up{Watch: &watch, Users: crowd.DefaultUsers, Scenario: crowd.Tickets}
}

// DemoBooksInterval is [Options].BooksInterval at demo pace.
const DemoBooksInterval = 5 * time.Second

func (u *Up) validate(o Options) error {
	most := maxCrowd(o)
	if u.Users > most && u.Users <= crowd.MaxUsers {
		return fmt.Errorf("--crowd must be between 0 and %d, not %d: each demo user needs a connection, and half of --max-connections is reserved for other clients",
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

// maxCrowd limits the number of demo users: half of all connections are reserved for other
// clients.
func maxCrowd(o Options) int { return min(crowd.MaxUsers, o.MaxConnections/2) }

// extras are what `onsale up` runs in addition to the API.
type extras struct {
	monitor *sidecar.Process // nil without monitoring
	crowd   *crowd.Crowd
	client  *client.Client // of the demo users
	runs    *api.Manager
	// endStreams ends the event streams of the load tests' API.
	endStreams context.CancelFunc
}

// runCrowd runs the demo users, and closes their client at the end.
func (x *extras) runCrowd(ctx context.Context) error {
	defer x.client.Close()
	return x.crowd.Run(ctx)
}

// closeRuns ends the running load test.
func (x *extras) closeRuns(ctx context.Context) error {
	x.endStreams()
	return x.runs.Close(ctx)
}

// openExtras creates the additional parts of `onsale up`, and returns their routes. These
// parts call the API with ownToken.
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
		page.Alerts = DefaultWatch().alerts(base) // for the runbooks: another server can monitor this one
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

// openCrowd creates the demo users.
func (a *App) openCrowd(base, ownToken string) error {
	// The program's own token must not reach a proxy.
	direct := &http.Transport{MaxIdleConnsPerHost: crowd.MaxUsers, IdleConnTimeout: time.Minute}
	var err error
	a.extras.client, err = client.New(base, client.Options{Token: ownToken, UserAgent: "onsale-crowd", Transport: direct})
	if err != nil {
		return fmt.Errorf("make client of the demo users: %w", err)
	}
	up := a.options.Up
	a.extras.crowd, err = crowd.New(crowd.Options{
		Client: a.extras.client, Settings: crowd.Settings{Users: up.Users, Scenario: up.Scenario}, MaxUsers: maxCrowd(a.options), Logger: a.log,
	})
	if err != nil {
		return fmt.Errorf("make demo users: %w", err)
	}
	return nil
}

// openStress creates the manager of the load tests of this server, and returns its routes.
func (a *App) openStress(ctx context.Context, base, version, ownToken string) []server.Mount {
	// Requests to the own address stay on this machine, so that the token can be sent there.
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

// announceUp writes the start-up lines of `onsale up`.
func (a *App) announceUp() {
	up, base := a.options.Up, endpoint.LocalURL(a.listener.Addr())
	a.say("page %s/ · API %s/docs · metrics %s/metrics", base, base, base)
	if up.Watch == nil {
		a.say("monitoring is off (--monitor off)")
	} else {
		a.say("Prometheus %s/api/v1 · Alertmanager %s/api/v2", base, base)
		a.say("alerts go %s", up.Watch.destination(base))
		if up.Watch.Pace == catalog.Demo().Name {
			a.say("demo pace: scrapes every second, one minute becomes 5 s; --pace real uses normal intervals")
		}
	}
	if up.Users > 0 {
		a.say("%d demo users are running scenario %s; --crowd 0 turns them off", up.Users, up.Scenario)
	}
}
