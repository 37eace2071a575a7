package scenario

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"onsale/internal/client"
	"onsale/internal/endpoint"
	"onsale/internal/sale"
	"onsale/internal/stress"
	"onsale/internal/stress/format"
	"onsale/internal/stress/wire"
)

// checkTimeout limits each request of a check. The longest delay of the default
// fault plan is 4 s.
const checkTimeout = 15 * time.Second

// Options are the options of a check and of the books.
type Options struct {
	Target *wire.Target
	// Connect returns a connection like those of the users.
	Connect func() wire.Doer
	// TLS is the configuration of the users' connections; nil uses the system's roots.
	TLS *tls.Config
	// Token is the admin token; empty if there is none.
	Token string
	// Load is the load of all workers together, and RunTime its duration; 0 if it has no limit.
	// They determine how long the tickets will last.
	Load    stress.Load
	RunTime time.Duration
	// Prepare creates concerts if there are too few tickets for the load. For a
	// rush, it always creates one.
	Prepare bool
	// Now returns the time for titles and dates of created concerts; the default is time.Now.
	Now func() time.Time
}

// Findings are the results of a check.
type Findings struct {
	// Notes are sentences for everyone who reads the figures of the run.
	Notes []string
	// Concert is the id of the concert that users of a rush buy; 0 in other scenarios.
	Concert int64
	// Created are the ids of created concerts.
	Created []int64
	// Left is how many tickets are left. Known is set if the target reports it.
	Known bool
	Left  int64
	// Lasts is how long the tickets are expected to last at this load; 0 if that is
	// unknown, or longer than can be estimated.
	Lasts time.Duration
}

// Check tests that the target is reachable, is the API that the scenario
// needs, and has a concert with tickets left if the scenario needs one. It returns
// ErrNotReady, whose text says what to do, or the error of the context.
func (in *Instance) Check(ctx context.Context, o Options) (Findings, error) {
	f, err := in.check(ctx, o)
	if ended := ctx.Err(); err != nil && ended != nil {
		return Findings{}, fmt.Errorf("check target: %w", ended)
	}
	return f, err
}

func (in *Instance) check(ctx context.Context, o Options) (Findings, error) {
	if in.needs == needItems {
		return Findings{}, checkItems(ctx, o)
	}
	answer, err := ask(ctx, o, &wire.Request{Method: http.MethodGet, Path: "/health"})
	if err != nil {
		return Findings{}, err
	}
	if answer.Status != http.StatusOK {
		return Findings{}, in.otherAPI(o, "GET /health", answer)
	}
	api, err := o.client()
	if err != nil {
		return Findings{}, err
	}
	defer api.Close()
	s, err := readStock(ctx, api)
	if err != nil {
		return Findings{}, in.noList(o, err)
	}
	f := Findings{}
	if o.Prepare {
		if f.Created, err = in.prepare(ctx, o, api, &s); err != nil {
			return Findings{}, err
		}
	}
	if err := in.enough(o, s); err != nil {
		return Findings{}, err
	}
	in.describe(&f, o, s)
	note, err := readiness(ctx, o)
	if note != "" {
		f.Notes = append(f.Notes, note)
	}
	return f, err
}

// enough returns an error unless the target has the concerts and tickets that the scenario needs.
func (in *Instance) enough(o Options, s stock) error {
	switch {
	case len(s.concerts) == 0:
		return notReady("%s has no concert; %s", o.host(), o.howToMake())
	case in.needs == needTickets && s.known && s.left == 0:
		return notReady("no concert of %s has tickets left; %s", o.host(), o.howToMake())
	}
	return nil
}

// describe adds to the findings what the stock means for the run.
func (in *Instance) describe(f *Findings, o Options, s stock) {
	f.Known, f.Left = s.known, s.left
	if len(f.Created) > 0 {
		f.Notes = append(f.Notes, madeNote(f.Created, s))
	}
	switch {
	case !in.Sells:
	case !s.known:
		f.Notes = append(f.Notes, "the target does not report how many tickets are left, so it is unknown how long they will last")
	case in.Scenario.SpawnAtOnce:
	default:
		var note string
		if f.Lasts, note = in.demand(o).against(s); note != "" {
			f.Notes = append(f.Notes, note)
		}
	}
	if in.Scenario.SpawnAtOnce {
		wanted := s.newest()
		f.Concert = wanted.ID
		in.wanted.Store(wanted.ID)
		if s.known {
			f.Notes = append(f.Notes, fmt.Sprintf("all users buy concert %d, which has %s tickets left", wanted.ID, format.Count(wanted.Available())))
		}
	}
}

// readiness returns a note if the target reports that it is not ready. The
// earlier service does not have GET /ready.
func readiness(ctx context.Context, o Options) (note string, err error) {
	answer, err := ask(ctx, o, &wire.Request{Method: http.MethodGet, Path: "/ready"})
	if err != nil {
		return "", err
	}
	if answer.Status == http.StatusServiceUnavailable {
		note = "before the run the target reported that it is not ready to sell (GET /ready: 503)"
	}
	return note, nil
}

// checkItems requests a token, as every user does.
func checkItems(ctx context.Context, o Options) error {
	answer, err := ask(ctx, o, &wire.Request{
		Method: http.MethodPost, Path: "/api/token", Header: []wire.Field{{Name: "User-ID", Value: "stress-check"}},
	})
	switch {
	case err != nil:
		return err
	case answer.Status >= http.StatusInternalServerError:
		return notReady("%s does not issue tokens now: POST /api/token answered %d", o.host(), answer.Status)
	case answer.Status != http.StatusOK || text(answer.Body, "token") == "":
		return notReady("%s is not the items API: POST /api/token answered %d without a token; %s", o.host(), answer.Status, elsewhere)
	}
	return nil
}

// elsewhere says what to do about another API.
const elsewhere = "for another API give a URL or a scenario file: onsale stress URL"

// otherAPI returns the error of a host that is not the ticket API, or has a problem.
func (in *Instance) otherAPI(o Options, call string, answer reached) error {
	switch {
	case answer.Location != "":
		return notReady("%s redirects to %s; use that as --host", o.host(), endpoint.Shown(answer.Location))
	case answer.Status >= http.StatusInternalServerError:
		return notReady("%s has a problem: %s answered %d", o.host(), call, answer.Status)
	}
	return notReady("%s is not the ticket API that %s needs: %s answered %d; %s", o.host(), in.Name, call, answer.Status, elsewhere)
}

// noList returns the error of a host whose concerts cannot be read.
func (in *Instance) noList(o Options, err error) error {
	answer, isAnswer := errors.AsType[*client.Error](err)
	if errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrStopping) || isAnswer && answer.Status >= http.StatusInternalServerError {
		return fmt.Errorf("%w: %s cannot list its concerts now: %w", ErrNotReady, o.host(), err)
	}
	if _, malformed := errors.AsType[*client.AnswerError](err); isAnswer || malformed {
		return fmt.Errorf("%w: %s is not the ticket API that %s needs; %s (%w)", ErrNotReady, o.host(), in.Name, elsewhere, err)
	}
	return fmt.Errorf("%w: read concerts of %s: %w", ErrNotReady, o.host(), err)
}

// notReady returns an ErrNotReady with the reason and what to do.
func notReady(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotReady, fmt.Sprintf(format, args...))
}

// client returns an API client for the calls that users do not make.
func (o Options) client() (*client.Client, error) {
	c, err := client.New(o.Target.String(), client.Options{
		Transport: &http.Transport{TLSClientConfig: o.TLS, DialContext: o.Target.Dialer().DialContext},
		Token:     o.Token, UserAgent: "onsale-stress",
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	return c, nil
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}
