package stresscmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
	"onsale/internal/stress/result"
)

// Run runs a load test, reports what came of it, and returns the exit code as an error.
func (c *RunCommand) Run(ctx context.Context, e *command.Env) error {
	token, err := e.AdminToken(c.AdminTokenFile)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return &command.UsageError{Err: err}
	}
	t, err := newTest(ctx, c, e, token)
	if err != nil {
		return cannotStart(e, err)
	}
	switch err := t.before(ctx); {
	case err != nil && ctx.Err() != nil:
		return errors.New("stopped before anything was sent")
	case err != nil:
		return cannotStart(e, err)
	}
	if t.session.Idle() {
		app.Say(t.live, "nothing of the load falls to worker %s, which is well so", c.Worker)
		return nil
	}
	if err := t.serve(ctx); err != nil {
		return cannotStart(e, errors.Join(err, t.servers.Stop(ctx)))
	}
	r, err := t.run(ctx)
	code := result.Failed
	if err == nil {
		// First of all, as whoever is impatient may end the process now.
		code, err = r.Verdict.Code, t.tell(r)
		t.linger(ctx)
	}
	if broken := t.servers.Stop(ctx); broken != nil {
		t.log.Warn("server beside the load test did not end well", "error", broken)
	}
	return exit(e, code, err)
}

// cannotStart returns the error of a load test that has sent nothing. What is wrong with a
// scenario file is written as compilers write it, a line each.
func cannotStart(e *command.Env, err error) error {
	err = fmt.Errorf("cannot start: %w", err)
	if !strings.Contains(err.Error(), "\n") {
		return &command.UsageError{Err: err}
	}
	fmt.Fprintf(e.Stderr, "onsale: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	return command.ExitError(command.ExitUsage)
}

// exit returns the exit code of a load test that has ended, with what could not be done
// after it.
func exit(e *command.Env, code result.Code, err error) error {
	switch {
	case err != nil && code == result.Bottleneck:
		return command.ExitError(command.Fail(e.Stderr, command.ExitBottleneck, err))
	case err != nil:
		return err
	case code != result.Passed:
		return command.ExitError(code)
	}
	return nil
}
