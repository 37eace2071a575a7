package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"onsale/internal/endpoint"
	"onsale/internal/item"
	"onsale/internal/sale"
	"onsale/internal/server"
)

// retryPause is the pause between two tries to reach the database at start.
const retryPause = 500 * time.Millisecond

// prepareLimit bounds one try, but for the migration: that may take any time, and
// has limits of its own.
const prepareLimit = 30 * time.Second

var errTooLong = fmt.Errorf("%w: not prepared within %s", sale.ErrUnavailable, prepareLimit)

// prepare gets the schema, the token key and the plan into place, however long
// the database is away, and says that the server is ready when a purchase could be
// written. It returns an error when another try would meet the same refusal.
func (a *App) prepare(ctx context.Context) error {
	var said string
	for {
		err := a.prepareOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			a.seller.Start(ctx)
			close(a.prepared)
			a.awaitSale(ctx, said)
			return nil
		case !passes(err):
			return fmt.Errorf("%s: %w", a.databaseName(), err)
		}
		a.seller.Wait(err)
		said = a.sayWaiting(said, err)
		if !pause(ctx) {
			return nil
		}
	}
}

// awaitSale says that the server is ready as soon as a purchase could be written.
func (a *App) awaitSale(ctx context.Context, said string) {
	for err := a.seller.Ready(); err != nil; err = a.seller.Ready() {
		said = a.sayWaiting(said, err)
		if !pause(ctx) {
			return
		}
	}
	a.announce()
}

// sayWaiting says what is waited for, unless that is what was said, and returns it.
// What an absent database makes of a call differs from call to call, and is said
// once.
func (a *App) sayWaiting(said string, err error) string {
	reason := "the database does not answer"
	if obstacle, ok := errors.AsType[*sale.ObstacleError](err); ok {
		reason = obstacle.Reason
	}
	if reason != said {
		a.say("listening on %s, waiting for the database: %v", endpoint.LocalURL(a.listener.Addr()), err)
	}
	return reason
}

// pause waits before another try, and reports false when the context ends.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(retryPause):
		return true
	case <-ctx.Done():
		return false
	}
}

// databaseName says whose setting is at fault when the database refuses.
func (a *App) databaseName() string {
	if a.options.DatabaseURLSet {
		return "DATABASE_URL"
	}
	return "--data-dir " + a.options.DataDir
}

// passes reports whether another try may succeed.
func passes(err error) bool {
	if obstacle, ok := errors.AsType[*sale.ObstacleError](err); ok && obstacle.Lasting {
		return false
	}
	return errors.Is(err, sale.ErrUnavailable) || errors.Is(err, sale.ErrConflict) || errors.Is(err, sale.ErrOutcomeUnknown)
}

func (a *App) prepareOnce(ctx context.Context) error {
	if a.options.Migrate {
		if err := a.store.Migrate(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, prepareLimit, errTooLong)
	defer cancel()
	if err := a.store.CheckSchema(ctx); err != nil {
		return err
	}
	if err := a.loadTokenKey(ctx); err != nil {
		return err
	}
	if a.options.Faults == nil {
		return a.injector.Load(ctx)
	}
	_, err := a.injector.Set(ctx, *a.options.Faults)
	return err
}

// loadTokenKey takes the key that the replicas share from the database, unless
// this one was given a key.
func (a *App) loadTokenKey(ctx context.Context) error {
	if a.tokens.Ready() {
		return nil
	}
	key, err := a.store.TokenKey(ctx, item.NewKey())
	if err != nil {
		return err
	}
	return a.tokens.SetKey(key)
}

// warn says at once what an operator must know before anybody connects.
func (a *App) warn() {
	switch {
	case a.options.AdminToken == server.OpenToAll:
		a.say("WARNING: admin calls are open to everybody (admin token %q); requests to a domain name are refused "+
			"unless --allowed-hosts lists it", server.OpenToAll)
	case a.options.AdminToken == "" && !endpoint.OnLoopback(a.listener.Addr()):
		a.say("admin calls are disabled on this address: set ONSALE_ADMIN_TOKEN to enable them")
	}
}

func (a *App) announce() {
	summary := a.injector.State().InForce().Plan.Summary() // some of the plan may be over
	if len(a.injector.Active()) > 0 {
		summary += "; --faults off sells for real"
	}
	a.say("%s", summary)
	if a.options.Up != nil {
		a.announceUp()
	}
	if endpoint.OnAllAddresses(a.listener.Addr()) {
		a.say("%s", allAddresses)
	}
	a.say("ready on %s", endpoint.LocalURL(a.listener.Addr()))
}
