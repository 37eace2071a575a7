package command

import (
	"context"
	"errors"
	"net/url"
)

// RequestError returns why an HTTP request failed: the cause if the context has ended, and
// otherwise the error without the URL.
func RequestError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}
