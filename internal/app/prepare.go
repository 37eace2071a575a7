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

// retryPause is the pause between two attempts to reach the database at start.
const retryPause = 500 * time.Millisecond

// prepareLimit limits one attempt, without the migration. The migration can take any time,
// and has its own limits.
const prepareLimit = 30 * time.Second

var errTooLong = fmt.Errorf("%w: not prepared within %s", sale.ErrUnavailable, prepareLimit)

// prepare migrates or checks the schema, and loads the token key and the fault plan. It
// retries while the database is unreachable. When a purchase could be written, it writes
// the ready line. It returns an error if another attempt would fail in the same way.
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

// awaitSale waits until a purchase could be written, and then writes the start-up lines.
func (a *App) awaitSale(ctx context.Context, said string) {
	for err := a.seller.Ready(); err != nil; err = a.seller.Ready() {
		said = a.sayWaiting(said, err)
		if !pause(ctx) {
			return
		}
	}
	a.announce()
}

// sayWaiting writes what the server is waiting for, unless that is still the reason in said,
// and returns the reason. All errors of an unreachable database are the same reason, because
// their texts differ from call to call.
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

// pause waits before the next attempt. It reports false if the context has ended.
func pause(ctx context.Context) bool {
	select {
	case <-time.After(retryPause):
		return true
	case <-ctx.Done():
		return false
	}
}

// databaseName returns the setting that names the database, for errors.
func (a *App) databaseName() string {
	if a.options.DatabaseURLSet {
		return "DATABASE_URL"
	}
	return "--data-dir " + a.options.DataDir
}

// passes reports whether another attempt can succeed.
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

// loadTokenKey loads the token key that the replicas share from the database, unless the
// options have one.
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

// warn writes what an operator must see before the first client connects.
func (a *App) warn() {
	switch {
	case a.options.AdminToken == server.OpenToAll:
		a.say("WARNING: admin calls are open to everybody (admin token %q); requests to a domain name are rejected "+
			"unless --allowed-hosts lists it", server.OpenToAll)
	case a.options.AdminToken == "" && !endpoint.OnLoopback(a.listener.Addr()):
		a.say("admin calls are disabled on this address: set ONSALE_ADMIN_TOKEN to enable them")
	}
}

// announce writes the start-up lines. The last one is the ready line.
func (a *App) announce() {
	summary := a.injector.State().InForce().Plan.Summary() // without faults whose time is over
	if len(a.injector.Active()) > 0 {
		summary += "; --faults off turns them off"
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
