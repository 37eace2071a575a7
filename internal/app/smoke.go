package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/google/uuid"

	"onsale/internal/client"
	"onsale/internal/sale"
)

// What `onsale smoke` sells.
const (
	smokeTitle = "Smoke test"
	smokeEmail = "smoke-test@example.com"
	// smokeTickets is the concert's capacity. Other buyers may find the concert, and must not sell it out
	// before the purchase, nor by it.
	smokeTickets = 100
	// readyEvery is the time between two looks at whether the server is ready.
	readyEvery = 250 * time.Millisecond
)

// SmokeOptions say what `onsale smoke` tries.
type SmokeOptions struct {
	// URL is that of the server, http://HOST:PORT.
	URL string
	// AdminToken is the server's; empty where it needs none. TokenMeant says that it was given for
	// this server by name: any other goes over plain http to loopback addresses alone.
	AdminToken string
	TokenMeant bool
	// Wait is how long to wait for a server that is starting; 0 does not wait.
	Wait time.Duration
	// Timeout bounds each call.
	Timeout time.Duration
	// Out gets a line about each step.
	Out io.Writer
}

// ErrSmoke is wrapped by the errors of [Smoke] about the server, as opposed to those about the options.
var ErrSmoke = errors.New("smoke test failed")

// Smoke makes a concert, buys a ticket of it, reads the purchase back, and refunds it. The concert stays.
func Smoke(ctx context.Context, o SmokeOptions) error {
	switch {
	case o.Wait < 0 || o.Wait > time.Hour:
		return fmt.Errorf("--wait must be between 0s and 1h, not %s", o.Wait)
	case o.Timeout < time.Second || o.Timeout > 5*time.Minute:
		return fmt.Errorf("--timeout must be between 1s and 5m, not %s", o.Timeout)
	}
	options := client.Options{Token: o.AdminToken, Timeout: o.Timeout, UserAgent: "onsale-smoke"}
	if o.TokenMeant {
		transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
		defer transport.CloseIdleConnections()
		options.Transport = transport
	}
	c, err := client.New(o.URL, options)
	if err != nil {
		return err
	}
	defer c.Close()
	err = smoke(ctx, c, o)
	switch {
	case errors.Is(err, client.ErrNotLoopback):
		return fmt.Errorf("%w: %w; --admin-token-file sends it", ErrSmoke, err)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrSmoke, err)
	}
	return nil
}

func smoke(ctx context.Context, c *client.Client, o SmokeOptions) error {
	if err := awaitReady(ctx, c, o.Wait); err != nil {
		return err
	}
	concert, err := c.CreateConcert(ctx, sale.NewConcert{
		Title: smokeTitle, Date: time.Now().UTC().Format(time.DateOnly), Venue: "none", Capacity: smokeTickets,
	})
	if err != nil {
		return fmt.Errorf("make a concert: %w", err)
	}
	fmt.Fprintf(o.Out, "made concert %d with %d tickets\n", concert.ID, concert.Capacity)

	outcome, err := c.Buy(ctx, client.BuyRequest{ConcertID: concert.ID, Email: smokeEmail, Quantity: 1, Key: uuid.NewString()})
	if err != nil {
		return fmt.Errorf("buy a ticket: %w", err)
	}
	if outcome.Status != sale.Sold {
		return fmt.Errorf("buy a ticket: the outcome is %s, want %s", outcome.Status, sale.Sold)
	}
	bought := outcome.Purchase
	fmt.Fprintf(o.Out, "bought 1 ticket: purchase %s\n", bought.ID)

	read, err := c.Purchase(ctx, bought.ID)
	if err != nil {
		return fmt.Errorf("read the purchase back: %w", err)
	}
	if read.ConcertID != concert.ID || read.Email != smokeEmail || read.Quantity != 1 || !read.Live() {
		return fmt.Errorf("read the purchase back: got concert %d, e-mail %q, quantity %d, refunded %t; want %d, %q, 1, false",
			read.ConcertID, read.Email, read.Quantity, !read.Live(), concert.ID, smokeEmail)
	}
	// Others may have bought tickets of the concert meanwhile.
	if concert, err = c.Concert(ctx, concert.ID); err != nil {
		return fmt.Errorf("read the concert back: %w", err)
	}
	if concert.Sold < 1 {
		return fmt.Errorf("read the concert back: %d tickets are sold, want 1 or more", concert.Sold)
	}
	fmt.Fprintln(o.Out, "read it back: purchase and concert agree")

	if _, err := c.Refund(ctx, bought.ID); err != nil {
		return fmt.Errorf("refund the purchase: %w", err)
	}
	fmt.Fprintln(o.Out, "refunded it")
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
