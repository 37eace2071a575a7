package automate

import (
	"context"
	"errors"
	"net/http"
	"time"

	"onsale/internal/client"
	"onsale/internal/item"
	"onsale/internal/sale"
)

// errStopped: the run ended before the operation did.
var errStopped = errors.New("stopped")

// action is the kind of an operation.
type action uint8

// The actions, in the order of the summary.
const (
	getToken action = iota
	createItem
	deleteItem
	actions
)

// String returns the name of the action in the summary.
func (a action) String() string { return [actions]string{"token", "create", "delete"}[a] }

// success returns the HTTP status of a success.
func (a action) success() int {
	if a == createItem {
		return http.StatusCreated
	}
	return http.StatusOK
}

// operation is a call with its retries.
type operation struct {
	action       action
	user         *user
	method, path string
	// turn means that the first attempt has already waited for the rate limiter.
	turn bool
	// again means that the clean-up will repeat the operation if it fails now.
	again bool
	// do makes the call once; token is empty for the call that gets a token.
	do func(ctx context.Context, token string) error
}

// create creates an item and returns its id.
func (a *Automation) create(work, calls context.Context, u *user, body []byte) (id string, err error) {
	err = a.operate(work, calls, operation{
		action: createItem, user: u, method: http.MethodPost, path: client.ItemsPath, turn: true,
		do: func(ctx context.Context, token string) (err error) {
			id, err = a.api.CreateItem(ctx, client.Credentials{Token: token, User: u.name}, body)
			if errors.Is(err, sale.ErrOutcomeUnknown) {
				a.stats.unsure.Add(1)
			}
			return err
		},
	})
	if err == nil {
		a.stats.created.Add(1)
	}
	return id, err
}

// remove deletes an item. If an earlier deletion got no answer and the item is now not
// found, that deletion succeeded. Again means that the clean-up will retry a failure.
func (a *Automation) remove(work, calls context.Context, it *kept, again bool) error {
	err := a.operate(work, calls, operation{
		action: deleteItem, user: it.user, method: http.MethodDelete, path: client.ItemPath(it.id), again: again,
		do: func(ctx context.Context, token string) error {
			err := a.api.DeleteItem(ctx, client.Credentials{Token: token, User: it.user.name}, it.id)
			if it.unsure && errors.Is(err, item.ErrNotFound) {
				return deletedBeforeError{err}
			}
			it.unsure = it.unsure || errors.Is(err, sale.ErrOutcomeUnknown)
			return err
		},
	})
	switch {
	case err == nil:
		a.stats.deleted.Add(1)
	case errors.Is(err, item.ErrNotFound): // deleted by another client, or lost by the server
		a.stats.missing.Add(1)
		return nil
	}
	return err
}

// deletedBeforeError is the 404 for an item that an earlier attempt has deleted.
type deletedBeforeError struct{ error }

// Unwrap returns the error of the answer.
func (e deletedBeforeError) Unwrap() error { return e.error }

// operate attempts an operation until it succeeds, fails permanently or the work ends.
// Each attempt waits for the rate limiter. A rejected token is renewed once.
func (a *Automation) operate(work, calls context.Context, o operation) error {
	renewed := false
	// cutOff counts an operation that had failed before it was stopped.
	cutOff := func(troubles int) error {
		if troubles > 0 && !o.again {
			a.stats.cutOff.Add(1)
		}
		return errStopped
	}
	for attempt, failures := 1, 0; ; attempt++ {
		token := ""
		if o.action != getToken {
			var err error
			if token, err = a.token(work, calls, o.user, &o.turn); err != nil {
				return err // already counted
			}
		}
		if !o.turn && a.limiter.Wait(work) != nil {
			return cutOff(failures)
		}
		o.turn = false
		err := a.try(calls, o, token, attempt)
		switch {
		case err == nil || errors.As(err, new(deletedBeforeError)):
			return nil
		case calls.Err() != nil:
			return cutOff(failures + 1)
		case errors.Is(err, item.ErrUnauthorized) && !renewed && o.action != getToken:
			renewed = true
			o.user.forget(work, token)
			continue
		case !passing(err) || failures >= a.options.Retries:
			if !o.again || !passing(err) {
				a.stats.failed.Add(1)
			}
			return err
		}
		failures++
		if !wait(work, a.backoff(failures, err)) {
			return cutOff(failures)
		}
	}
}

// try makes the call once, counts it and records it.
func (a *Automation) try(ctx context.Context, o operation, token string, attempt int) error {
	a.stats.inFlight.Add(1)
	defer a.stats.inFlight.Add(-1)
	begin := a.options.Now()
	err := o.do(ctx, token)
	c := Call{
		Time: begin, User: o.user.name, Method: o.method, Path: o.path,
		Status: o.action.success(), Attempt: attempt, Duration: a.options.Now().Sub(begin),
	}
	if err != nil {
		c.Status, c.Error, c.Message = statusOf(err), kindOf(err), messageOf(err, token)
	}
	a.stats.count(o.action, c)
	a.options.Recorder.Record(c)
	return err
}

// wait waits for d and returns true, or returns false as soon as the context ends.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
