package client_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"onsale/internal/client"
	"onsale/internal/endpoint/endpointtest"
)

// Without TLS, the admin token is not sent to another machine, whatever the server's name.
func TestTheTokenStaysOnLoopback(t *testing.T) {
	t.Parallel()
	tokens := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { tokens <- r.Header.Get("Authorization") }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	names := endpointtest.Names(t, map[string][]string{"here.test": {"127.0.0.1"}, "localhost.away.test": {"192.0.2.1"}})
	books := func(host string) error {
		c, err := client.New("http://"+host+":"+port, client.Options{Token: "secret", Resolver: names})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Books(t.Context())
		return err
	}
	_ = books("here.test") // fails, because the answer is empty
	if token := <-tokens; token != "Bearer secret" {
		t.Errorf("a server on loopback got %q", token)
	}
	if err := books("localhost.away.test"); !errors.Is(err, client.ErrNotLoopback) {
		t.Errorf("a server on another machine: %v", err)
	}
}
