package main

import (
	"context"
	"errors"
	"time"

	"github.com/alecthomas/kong"

	"onsale/internal/app"
)

// smokeCmd is `onsale smoke`: a purchase that shows whether a server sells.
type smokeCmd struct {
	URL            string        `arg:"" optional:"" help:"URL of the server." default:"http://127.0.0.1:8000"`
	AdminTokenFile string        `help:"File with the server's admin token, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE"`
	Wait           time.Duration `help:"How long to wait for a server that is starting, up to 1h; 0s does not wait." default:"5s" env:"ONSALE_SMOKE_WAIT"`
	Timeout        time.Duration `help:"How long to wait for each answer, from 1s to 5m." default:"30s" env:"ONSALE_SMOKE_TIMEOUT"`
}

// Help is shown under `onsale smoke --help`.
func (smokeCmd) Help() string {
	return `Makes a concert, buys a ticket of it, reads the purchase back, and refunds it.
The concert stays. The exit code is 0 if all of that works, 1 if not, and 2 for
wrong use. The token of $ONSALE_ADMIN_TOKEN goes over plain http to loopback
addresses alone; that of --admin-token-file goes to the URL.`
}

// Run tries once.
func (c *smokeCmd) Run(ctx context.Context, e *env) error {
	token, err := adminToken(e, c.AdminTokenFile)
	if err != nil {
		return &usageError{err}
	}
	err = app.Smoke(ctx, app.SmokeOptions{
		URL: c.URL, AdminToken: token, TokenMeant: tokenMeant(e, c.AdminTokenFile),
		Wait: c.Wait, Timeout: c.Timeout, Out: e.stdout,
	})
	if err != nil && !errors.Is(err, app.ErrSmoke) {
		return &usageError{err}
	}
	return err
}

// tokenMeant reports whether the file with the admin token was named on the command
// line. One that the environment names may be another server's, as its token may be.
func tokenMeant(e *env, file string) bool {
	name, set := e.lookup("ONSALE_ADMIN_TOKEN_FILE")
	return file != "" && (!set || kong.ExpandPath(name) != file)
}
