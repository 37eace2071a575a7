package automate_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"onsale/internal/automate"
	"onsale/internal/client"
	"onsale/internal/item"
	"onsale/internal/sale"
)

// fake is an items API in memory. Its hook can make calls fail.
type fake struct {
	// hook runs before each call. The call returns its error. It may wait.
	hook func(ctx context.Context, c request) error

	mu       sync.Mutex
	tokens   map[string]string // the valid token by user
	items    map[string]string // owner by id
	seen     map[string]int
	requests []request
	made     int
	inFlight int
	most     int // the maximum of inFlight
}

// request is a call that was made.
type request struct {
	at   time.Time
	what string // token, create or delete
	user string
	id   string
	n    int // the number of earlier requests of this kind, for the same item if there is one
}

func newFake(hook func(ctx context.Context, c request) error) *fake {
	return &fake{hook: hook, tokens: map[string]string{}, items: map[string]string{}, seen: map[string]int{}}
}

// call records a request, runs the hook, and calls rest with the lock held.
func (f *fake) call(ctx context.Context, r request, rest func() error) error {
	f.mu.Lock()
	r.at = time.Now()
	r.n = f.seen[r.what+r.id]
	f.seen[r.what+r.id]++
	f.requests = append(f.requests, r)
	f.inFlight++
	f.most = max(f.most, f.inFlight)
	f.mu.Unlock()
	var err error
	if f.hook != nil {
		err = f.hook(ctx, r)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.inFlight--
	lost := errors.As(err, new(lostAnswerError))
	if err != nil && !lost {
		return err
	}
	if done := rest(); done != nil || !lost {
		return done
	}
	return err
}

// lostAnswerError is the hook's error for a call that is carried out but gets no answer.
type lostAnswerError struct{ error }

func (e lostAnswerError) Unwrap() error { return e.error }

func (f *fake) Token(ctx context.Context, user string) (token string, err error) {
	err = f.call(ctx, request{what: "token", user: user}, func() error {
		token = fmt.Sprintf("token %d of %s", len(f.requests), user)
		f.tokens[user] = token
		return nil
	})
	return token, err
}

func (f *fake) CreateItem(ctx context.Context, who client.Credentials, _ []byte) (id string, err error) {
	err = f.call(ctx, request{what: "create", user: who.User}, func() error {
		if who.Token != f.tokens[who.User] {
			return forbidden()
		}
		f.made++
		id = fmt.Sprintf("item%d", f.made)
		f.items[id] = who.User
		return nil
	})
	return id, err
}

func (f *fake) DeleteItem(ctx context.Context, who client.Credentials, id string) error {
	return f.call(ctx, request{what: "delete", user: who.User, id: id}, func() error {
		if who.Token != f.tokens[who.User] {
			return forbidden()
		}
		if f.items[id] != who.User {
			return answer{404, "not_found", item.ErrNotFound, 0}.err()
		}
		delete(f.items, id)
		return nil
	})
}

// expire makes all tokens invalid.
func (f *fake) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.tokens)
}

// of returns the requests of a kind.
func (f *fake) of(what string) []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.requests), func(r request) bool { return r.what != what })
}

// answer is an error answer.
type answer struct {
	status int
	code   string
	is     error
	after  time.Duration
}

// err returns the error of the client for the answer. It joins the domain error, because
// only the client can set its own.
func (a answer) err() error {
	err := &client.Error{Method: "POST", Path: "/", Status: a.status, Code: a.code, RetryAfter: a.after}
	if a.is == nil {
		return err
	}
	return errors.Join(err, a.is)
}

func forbidden() error { return answer{403, "unauthorized", item.ErrUnauthorized, 0}.err() }

// refusedConnection is the client's error if the server is not running.
func refusedConnection() error {
	return &client.TransportError{
		Method: "POST", Path: "/", Err: &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")},
	}
}

// cut is the client's error if the connection breaks after the request was sent.
func cut() error {
	return errors.Join(&client.TransportError{
		Method: "POST", Path: "/", Sent: true, Err: &net.OpError{Op: "read", Net: "tcp", Err: errors.New("cut")},
	}, sale.ErrOutcomeUnknown)
}

// pause waits in virtual time, like a slow server.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return errors.Join(&client.TransportError{Method: "POST", Path: "/", Sent: true, Err: ctx.Err()}, sale.ErrOutcomeUnknown)
	}
}

// options returns the options of most tests, with a rate so high that it does not matter.
func options() automate.Options {
	o := automate.DefaultOptions()
	o.Rate, o.Force, o.Seed = 1000, true, 1
	return o
}

// run runs an automation to its end.
func run(t *testing.T, f *fake, o automate.Options) automate.Summary {
	t.Helper()
	return runWith(t, t.Context(), f, o)
}

func runWith(t *testing.T, ctx context.Context, f *fake, o automate.Options) automate.Summary { //nolint:revive // the test comes first
	t.Helper()
	a, err := automate.New(f, o)
	if err != nil {
		t.Fatal(err)
	}
	return a.Run(ctx)
}
