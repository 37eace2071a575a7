// Package smokecmd is `onsale smoke`.
package smokecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/client"
	"onsale/internal/sale"
)

// What `onsale smoke` sells.
const (
	title = "Smoke test"
	email = "smoke-test@example.com"
	// tickets is the concert's capacity. Other buyers may find the concert, and must not sell it out
	// before the purchase, nor by it.
	tickets = 100
	// readyEvery is the time between two looks at whether the server is ready.
	readyEvery = 250 * time.Millisecond
)

// Command is `onsale smoke`: a purchase that shows whether a server sells.
type Command struct {
	URL            string        `arg:"" optional:"" help:"URL of the server." default:"http://127.0.0.1:8000"`
	AdminTokenFile string        `help:"File with the server's admin token, instead of $ONSALE_ADMIN_TOKEN." type:"path" placeholder:"FILE"`
	Wait           time.Duration `help:"How long to wait for a server that is starting, up to 1h; 0s does not wait." default:"5s" env:"ONSALE_SMOKE_WAIT"`
	Timeout        time.Duration `help:"How long to wait for each answer, from 1s to 5m." default:"30s" env:"ONSALE_SMOKE_TIMEOUT"`
}

// Help is shown under `onsale smoke --help`.
func (Command) Help() string {
	return `Creates a concert, buys a ticket, reads the purchase back, and refunds it. The
concert stays. The exit code is 0 if every step works, 1 if one fails, and 2 for
incorrect usage. Over plain http, the token of $ONSALE_ADMIN_TOKEN is sent only to
loopback addresses; the token of --admin-token-file is sent to any URL.`
}

// Run makes one purchase. An error about the flags is a [command.UsageError]; any other says that
// the server does not sell.
func (c *Command) Run(ctx context.Context, e *command.Env) error {
	switch {
	case c.Wait < 0 || c.Wait > time.Hour:
		return &command.UsageError{Err: fmt.Errorf("--wait must be between 0s and 1h, not %s", c.Wait)}
	case c.Timeout < time.Second || c.Timeout > 5*time.Minute:
		return &command.UsageError{Err: fmt.Errorf("--timeout must be between 1s and 5m, not %s", c.Timeout)}
	}
	token, err := e.AdminToken(c.AdminTokenFile)
	if err != nil {
		return &command.UsageError{Err: err}
	}
	options := client.Options{Token: token, Timeout: c.Timeout, UserAgent: "onsale-smoke"}
	if e.TokenNamed(c.AdminTokenFile) {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
		defer transport.CloseIdleConnections()
		options.Transport = transport
	}
	server, err := client.New(c.URL, options)
	if err != nil {
		return &command.UsageError{Err: err}
	}
	defer server.Close()
	switch err := smoke(ctx, server, c.Wait, e.Stdout); {
	case errors.Is(err, client.ErrNotLoopback):
		return fmt.Errorf("smoke test failed: %w; --admin-token-file sends it", err)
	case err != nil:
		return fmt.Errorf("smoke test failed: %w", err)
	}
	return nil
}

// smoke makes a concert, buys a ticket of it, reads the purchase back, and refunds it. The concert stays.
func smoke(ctx context.Context, c *client.Client, wait time.Duration, out io.Writer) error {
	if err := awaitReady(ctx, c, wait); err != nil {
		return err
	}
	concert, err := c.CreateConcert(ctx, sale.NewConcert{
		Title: title, Date: time.Now().UTC().Format(time.DateOnly), Venue: "none", Capacity: tickets,
	})
	if err != nil {
		return fmt.Errorf("make a concert: %w", err)
	}
	fmt.Fprintf(out, "made concert %d with %d tickets\n", concert.ID, concert.Capacity)

	outcome, err := c.Buy(ctx, client.BuyRequest{ConcertID: concert.ID, Email: email, Quantity: 1, Key: uuid.NewString()})
	if err != nil {
		return fmt.Errorf("buy a ticket: %w", err)
	}
	if outcome.Status != sale.Sold {
		return fmt.Errorf("buy a ticket: the outcome is %s, want %s", outcome.Status, sale.Sold)
	}
	bought := outcome.Purchase
	fmt.Fprintf(out, "bought 1 ticket: purchase %s\n", bought.ID)

	read, err := c.Purchase(ctx, bought.ID)
	if err != nil {
		return fmt.Errorf("read the purchase back: %w", err)
	}
	if read.ConcertID != concert.ID || read.Email != email || read.Quantity != 1 || !read.Live() {
		return fmt.Errorf("read the purchase back: got concert %d, e-mail %q, quantity %d, refunded %t; want %d, %q, 1, false",
			read.ConcertID, read.Email, read.Quantity, !read.Live(), concert.ID, email)
	}
	// Others may have bought tickets of the concert meanwhile.
	if concert, err = c.Concert(ctx, concert.ID); err != nil {
		return fmt.Errorf("read the concert back: %w", err)
	}
	if concert.Sold < 1 {
		return fmt.Errorf("read the concert back: %d tickets are sold, want 1 or more", concert.Sold)
	}
	fmt.Fprintln(out, "read it back: purchase and concert agree")

	if _, err := c.Refund(ctx, bought.ID); err != nil {
		return fmt.Errorf("refund the purchase: %w", err)
	}
	fmt.Fprintln(out, "refunded it")
	return nil
}

// awaitReady waits until the server is ready, or returns the last reason why it is not.
func awaitReady(ctx context.Context, c *client.Client, wait time.Duration) error {
	until := time.NewTimer(wait)
	defer until.Stop()
	again := time.NewTicker(readyEvery)
	defer again.Stop()
	for {
		err := c.Ready(ctx)
		if err == nil || errors.Is(err, client.ErrNotLoopback) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the server: %w", context.Cause(ctx))
		case <-until.C:
			return fmt.Errorf("the server is not ready after %s: %w", wait, err)
		case <-again.C:
		}
	}
}
