package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"onsale/internal/stress/result"
)

// StressOptions are those of `onsale stress`.
type StressOptions struct {
	// URL, Method, Header and Body are a plain request; Curl is one as well. Host
	// and Scenario are used where neither is given.
	URL, Method, Body, Curl string
	Header                  []string
	Host, Scenario          string

	// The load; see [result.Settings]. Shape is that of its Shape.
	Users                          int
	SpawnRate                      float64
	Rate, Arrivals, Shape, RunTime string
	MaxInFlight                    int
	StopTimeout                    string
	Seed                           uint64
	Worker                         string

	Timeout        time.Duration
	CACert         string
	Insecure       bool
	NewConnections bool
	Redirects      int

	FailIf        []string
	Abort         bool
	WarmUp        string
	ResetStats    bool
	FindCapacity  bool
	StepTime      time.Duration
	StartLoad     float64
	MaxLoad       float64
	Headless      bool
	OnlySummary   bool
	CSV           string
	JSON          string
	HTML          string
	DataDir       string
	Keep          bool
	MetricsAddr   string
	MetricsLinger time.Duration
	Listen        string
	Prepare       bool
	Check         bool
	// Wait is how long to wait for a target that is starting, before Check; 0 is
	// not at all.
	Wait time.Duration
	// AdminToken opens the admin calls of the target, and those of Listen.
	// TokenMeant says that it was given for this target by name: one from the
	// environment may be another server's, and goes over plain http to loopback
	// addresses alone, whatever their names are.
	AdminToken string
	TokenMeant bool
	// AllowedHosts are those of [Options], for Listen and MetricsAddr.
	AllowedHosts []string

	// Resolver looks up the target if it is a name; nil is the system's.
	Resolver *net.Resolver
	// Confirm asks whether to go on where a load could hurt somebody.
	Confirm func(question string) bool
	// Env looks up what a scenario file lists of the environment.
	Env func(string) (string, bool)
	// Size is that of the terminal that Err is, OutSize that of Out; nil where it
	// is none. NoColor leaves out colours.
	Size, OutSize func() (columns, rows int, err error)
	NoColor       bool
	// Out gets the report, Err what is said meanwhile.
	Out, Err io.Writer
	// NewLogger returns the logger that writes there.
	NewLogger func(io.Writer) *slog.Logger
}

// ErrStressUse wraps what is wrong with how a load test was asked for: nothing
// was sent.
var ErrStressUse = errors.New("cannot start")

// Stress runs a load test, says what comes of it, and returns the exit code. An
// error is one of use ([ErrStressUse]), or one of a report that could not be
// written, beside the code of what it would say.
func Stress(ctx context.Context, o StressOptions) (int, error) {
	t, err := newTest(ctx, o)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrStressUse, err)
	}
	switch err := t.before(ctx); {
	case err != nil && ctx.Err() != nil:
		return int(result.Failed), errors.New("stopped before anything was sent")
	case err != nil:
		return 0, fmt.Errorf("%w: %w", ErrStressUse, err)
	}
	if t.session.Idle() {
		say(t.live, "nothing of the load falls to worker %s, which is well so", o.Worker)
		return int(result.Passed), nil
	}
	if err := t.open(ctx); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrStressUse, errors.Join(err, t.parts.Stop(ctx)))
	}
	r, err := t.run(ctx)
	code := result.Failed
	if err == nil {
		// First of all, as whoever is impatient may end the process now.
		code, err = r.Verdict.Code, t.tell(r)
		t.linger(ctx)
	}
	if broken := t.parts.Stop(ctx); broken != nil {
		t.log.Warn("server beside the load test did not end well", "error", broken)
	}
	return int(code), err
}
