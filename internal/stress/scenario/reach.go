package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"onsale/internal/stress/wire"
)

// reached is the answer of a target that is reachable.
type reached struct {
	Status   int
	Body     []byte
	Location string
}

// Reach tests that the target answers in HTTP, with any status. It returns
// ErrNotReady, whose text says what to do, or the error of the
// context.
func Reach(ctx context.Context, o Options, r *wire.Request) error {
	_, err := ask(ctx, o, r)
	if ended := ctx.Err(); err != nil && ended != nil {
		return fmt.Errorf("reach target: %w", ended)
	}
	return err
}

// Await waits for a target that is starting, but not longer than patience. It
// repeats a request until the target listens, answers in HTTP and, if
// ready is set, answers with a status other than 503. It calls waiting before the
// first pause. It does not return whether the target started: a check finds that out.
func Await(ctx context.Context, o Options, r *wire.Request, ready bool, patience time.Duration, waiting func()) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pause := time.NewTicker(awaitPause)
	defer pause.Stop()
	for announced := false; ctx.Err() == nil; {
		answer, err := once(ctx, o, r)
		switch wire.KindOf(err) {
		case wire.Refused, wire.Reset, wire.Closed:
		default:
			if err != nil || !ready || answer.Status != http.StatusServiceUnavailable {
				return
			}
		}
		if !announced {
			announced = true
			waiting()
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// awaitPause is the time between two requests to a target that is starting.
const awaitPause = 200 * time.Millisecond

// ask makes one request over a new connection. Its error says what to do.
func ask(ctx context.Context, o Options, r *wire.Request) (reached, error) {
	answer, err := once(ctx, o, r)
	if err != nil {
		return reached{}, fmt.Errorf("%w: %s (%w)", ErrNotReady, o.advice(err), cause(err))
	}
	return answer, nil
}

// once makes one request over a new connection. It returns errors of package wire.
func once(ctx context.Context, o Options, r *wire.Request) (reached, error) {
	within, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	d := o.Connect()
	defer d.Close()
	answer, err := d.Do(within, r)
	if err != nil {
		return reached{}, err
	}
	return reached{Status: answer.Status, Body: append([]byte(nil), answer.Body...), Location: answer.Header("Location")}, nil
}

// cause returns the cause of an error of package wire, whose kind the advice already describes.
func cause(err error) error {
	if e, ok := errors.AsType[*wire.Error](err); ok && e.Err != nil {
		return e.Err
	}
	return err
}

// advice describes an error of the target, and says what to do about it.
func (o Options) advice(err error) string {
	host := o.host()
	if errors.Is(err, wire.ErrNotLoopback) {
		return host + " now resolves to another machine, and nothing is sent there; use an address instead of a name"
	}
	switch wire.KindOf(err) {
	case wire.Refused:
		text := "no server listens on " + host
		if o.Target.Loopback() {
			return text + "; start one with: onsale serve"
		}
		return text + "; is the server running, and is the port right?"
	case wire.Resolve:
		return host + " has no address; is --host right?"
	case wire.Unreachable:
		return "no network route to " + host
	case wire.ConnectTimeout:
		return host + " does not accept the connection; is it up, and does a firewall allow this machine?"
	case wire.Handshake:
		return "no TLS connection with " + host + "; a private certificate authority needs --cacert FILE, a self-signed certificate --insecure"
	case wire.Malformed, wire.Closed, wire.Reset:
		return "the server on " + host + " does not answer in HTTP; should the URL begin with " + o.otherScheme() + "?"
	case wire.Timeout, wire.Canceled: // of the context of the check
		return fmt.Sprintf("%s does not answer within %s; does a firewall or security group allow this machine?", host, checkTimeout)
	case wire.Redirect:
		return host + " redirects to another host; use that as --host"
	case wire.Tester:
		return "this machine is at its limit of open files, ports or memory"
	default:
		return "the request cannot be sent"
	}
}

// host returns the host and the path of the target, without the scheme.
func (o Options) host() string {
	_, host, _ := strings.Cut(o.Target.String(), "://")
	return host
}

// otherScheme returns http:// for an https:// target, and https:// for an http:// target.
func (o Options) otherScheme() string {
	if strings.HasPrefix(o.Target.String(), "https:") {
		return "http://"
	}
	return "https://"
}
