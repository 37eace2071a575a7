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

// Run runs a load test, reports the results, and returns the exit code as an error.
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
		return errors.New("stopped before any request was sent")
	case err != nil:
		return cannotStart(e, err)
	}
	if t.session.Idle() {
		app.Say(t.live, "worker %s has no users to run; exiting", c.Worker)
		return nil
	}
	if err := t.serve(ctx); err != nil {
		return cannotStart(e, errors.Join(err, t.servers.Stop(ctx)))
	}
	r, err := t.run(ctx)
	code := result.Failed
	if err == nil {
		// Before everything else, because the user can end the process now.
		code, err = r.Verdict.Code, t.writeReport(r)
		t.linger(ctx)
	}
	if broken := t.servers.Stop(ctx); broken != nil {
		t.log.Warn("servers of the load test did not stop cleanly", "error", broken)
	}
	return exit(e, code, err)
}

// cannotStart returns the error of a load test that has sent no request. It prints the
// errors in a scenario file like a compiler, one per line.
func cannotStart(e *command.Env, err error) error {
	err = fmt.Errorf("cannot start: %w", err)
	if !strings.Contains(err.Error(), "\n") {
		return &command.UsageError{Err: err}
	}
	fmt.Fprintf(e.Stderr, "onsale: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	return command.ExitError(command.ExitUsage)
}

// exit returns the exit code of a load test that has ended. Its err is what failed after
// the end, such as writing the report.
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
