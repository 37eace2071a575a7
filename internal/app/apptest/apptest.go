// Package apptest starts the real server for the tests of its clients.
package apptest

import (
	"context"
	"net/http"
	"testing"
	"time"

	"onsale/internal/app"
	"onsale/internal/client"
	"onsale/internal/fault"
)

// AdminToken opens the admin calls of the server.
const AdminToken = "the-admins-token"

// patience is how long a server can take to get ready on a busy machine.
const patience = 30 * time.Second

// Serve starts the server with a fault plan on a free loopback port, with an SQLite file of
// its own, and returns its URL. The server stops at the end of the test, and the test fails
// if it stops with an error.
func Serve(t *testing.T, plan fault.Plan) (url string) {
	t.Helper()
	return Start(t, func(o *app.Options) { o.Faults = &plan })
}

// Start is like Serve, but change sets the options.
func Start(t *testing.T, change func(*app.Options)) (url string) {
	t.Helper()
	o := app.DefaultOptions()
	o.Listen, o.DataDir, o.AdminToken = "127.0.0.1:0", t.TempDir(), AdminToken
	change(&o)
	a, err := app.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	return "http://" + a.Addr()
}

// Connect waits until the server is ready, and returns a client of it.
func Connect(t *testing.T, url string, o client.Options) *client.Client {
	t.Helper()
	if o.Transport == nil {
		o.Transport = new(http.Transport)
	}
	c, err := client.New(url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for deadline := time.Now().Add(patience); c.Ready(t.Context()) != nil; <-retry.C {
		if time.Now().After(deadline) {
			t.Fatalf("the server is not ready after %s", patience)
		}
	}
	return c
}

// Admin is like Connect, but the client has the admin token.
func Admin(t *testing.T, url string) *client.Client {
	t.Helper()
	return Connect(t, url, client.Options{Token: AdminToken})
}
