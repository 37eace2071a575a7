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

// reached is the answer of a target that is there.
type reached struct {
	Status   int
	Body     []byte
	Location string
}

// Reach looks whether anything that speaks HTTP answers at the target, whatever
// it says. An error is ErrNotReady, whose text says what to do, or that of the
// context.
func Reach(ctx context.Context, o Options, r *wire.Request) error {
	_, err := ask(ctx, o, r)
	if ended := ctx.Err(); err != nil && ended != nil {
		return fmt.Errorf("reach target: %w", ended)
	}
	return err
}

// Await waits for a target that is starting, for the time that patience gives: it
// makes a request again and again until the target listens, answers in HTTP and, if
// ready is set, answers with another status than 503. It calls waiting before the
// first pause. What a check finds afterwards says whether the target came up.
func Await(ctx context.Context, o Options, r *wire.Request, ready bool, patience time.Duration, waiting func()) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	pause := time.NewTicker(awaitPause)
	defer pause.Stop()
	for told := false; ctx.Err() == nil; {
		answer, err := once(ctx, o, r)
		switch wire.KindOf(err) {
		case wire.Refused, wire.Reset, wire.Closed:
		default:
			if err != nil || !ready || answer.Status != http.StatusServiceUnavailable {
				return
			}
		}
		if !told {
			told = true
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

// ask makes one request over a connection of its own. An error says what to do.
func ask(ctx context.Context, o Options, r *wire.Request) (reached, error) {
	answer, err := once(ctx, o, r)
	if err != nil {
		return reached{}, fmt.Errorf("%w: %s (%w)", ErrNotReady, o.advice(err), cause(err))
	}
	return answer, nil
}

// once makes one request over a connection of its own. An error is that of the wire.
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

// cause is what lies behind an error of the wire, whose kind the advice has told.
func cause(err error) error {
	if e, ok := errors.AsType[*wire.Error](err); ok && e.Err != nil {
		return e.Err
	}
	return err
}

// advice says what is wrong with the target, and what to do about it.
func (o Options) advice(err error) string {
	host := o.host()
	if errors.Is(err, wire.ErrNotLoopback) {
		return host + " leads elsewhere now, and nothing is sent there; give an address instead of a name"
	}
	switch wire.KindOf(err) {
	case wire.Refused:
		text := "nobody listens on " + host
		if o.Target.Loopback() {
			return text + "; start one with: onsale serve"
		}
		return text + "; is it started, and is the port right?"
	case wire.Resolve:
		return host + " has no address; is --host right?"
	case wire.Unreachable:
		return "there is no way to " + host + " from here"
	case wire.ConnectTimeout:
		return host + " does not take the connection; is it up, and does a firewall let this machine through?"
	case wire.Handshake:
		return "no TLS connection with " + host + "; a certificate of your own needs --cacert FILE, or --insecure"
	case wire.Malformed, wire.Closed, wire.Reset:
		return "what listens on " + host + " does not answer in HTTP; is it " + o.otherScheme() + " there?"
	case wire.Timeout, wire.Canceled: // of the check's own context
		return fmt.Sprintf("%s does not answer within %s; does a firewall or security group let this machine through?", host, checkTimeout)
	case wire.Redirect:
		return host + " redirects to another place; give that as --host"
	case wire.Tester:
		return "this machine is at its limit of open files, ports or memory"
	default:
		return "the target cannot be asked"
	}
}

// host is what a person calls the target.
func (o Options) host() string {
	_, host, _ := strings.Cut(o.Target.String(), "://")
	return host
}

// otherScheme is http:// for an https:// target, and the other way round.
func (o Options) otherScheme() string {
	if strings.HasPrefix(o.Target.String(), "https:") {
		return "http://"
	}
	return "https://"
}
