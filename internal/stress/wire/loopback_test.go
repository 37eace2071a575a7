package wire_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"onsale/internal/endpoint/endpointtest"
	"onsale/internal/stress/wire"
)

// The addresses of a name decide whether it is loopback, whatever it is called.
func TestNamesAreLoopbackByTheirAddresses(t *testing.T) {
	t.Parallel()
	zone := endpointtest.NewZone(map[string][]string{
		"here.test": {"127.0.0.1"}, "localhost.away.test": {"192.0.2.1"}, "mixed.test": {"127.0.0.1", "192.0.2.1"},
	})
	names := zone.Resolver(t)
	for text, want := range map[string]bool{
		"http://here.test:8000": true, "http://HERE.test.": true, "https://here.test": true,
		"http://localhost.away.test": false, "http://mixed.test": false, "http://nowhere.test": false,
		"http://127.0.0.1": true, "http://[::1%25lo]": true, "http://0.0.0.0:8000": false, "http://[::]:8000": false,
		"http://192.0.2.1": false,
	} {
		target := parse(t, text)
		target.Resolve(t.Context(), names)
		if target.Loopback() != want || target.Private() != (want || strings.HasPrefix(text, "https:")) {
			t.Errorf("%s is loopback: %t, private: %t", text, target.Loopback(), target.Private())
		}
	}
}

// TestANameThatMovesAwayIsNotFollowed changes the address of a name while a user is at
// work: from loopback to 192.0.2.1, which nobody has.
func TestANameThatMovesAwayIsNotFollowed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("sold")) }))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	zone := endpointtest.NewZone(map[string][]string{"shop.test": {"127.0.0.1"}})
	target := parse(t, "http://shop.test:"+port)
	target.Resolve(t.Context(), zone.Resolver(t))
	c := client(t, target, wire.Options{NewConnections: true, Timeout: 10 * time.Second})
	answered(t, c, get("/"), http.StatusOK, "sold")
	zone.Set("shop.test", "192.0.2.1")
	if failure := failed(t, c, get("/"), wire.Unreachable); !strings.Contains(failure.text, wire.ErrNotLoopback.Error()) {
		t.Errorf("the error is %q", failure.text)
	}
	// Some of its addresses may still be valid.
	zone.Set("shop.test", "192.0.2.1", "127.0.0.1")
	answered(t, c, get("/"), http.StatusOK, "sold")
}
