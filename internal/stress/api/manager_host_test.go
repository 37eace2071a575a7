package api_test

import (
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"

	"onsale/internal/endpoint/endpointtest"
	"onsale/internal/field"
	"onsale/internal/stress/api"
	"onsale/internal/stress/result"
)

// The API cannot be used to load another machine, whatever its name is.
func TestManagerRejectsHostsThatResolveElsewhere(t *testing.T) {
	t.Parallel()
	own := itemsAPI(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(own, "http://"))
	zone := endpointtest.NewZone(map[string][]string{
		"here.test": {"127.0.0.1"}, "localhost.away.test": {"192.0.2.1"}, "mixed.test": {"127.0.0.1", "192.0.2.1"}, "wild.test": {"0.0.0.0"},
	})
	d := api.NewManager(api.ManagerOptions{Host: own, Resolver: zone.Resolver(t), Logger: slog.New(slog.DiscardHandler)})
	settings := result.Settings{Scenario: "items", Users: 1}
	for _, host := range []string{"localhost.away.test", "mixed.test", "wild.test", "unknown.test", "0.0.0.0", "[::]", "192.0.2.1", "2130706433"} {
		settings.Host = "http://" + host + ":" + port
		_, err := d.Start(t.Context(), settings)
		if broken, ok := errors.AsType[*field.Error](err); !ok || broken.Field != "host" || !strings.Contains(broken.Rule, "must resolve to a loopback address") {
			t.Errorf("%s: %v", host, err)
		}
	}
	settings.Host = "http://here.test:" + port
	if _, err := d.Start(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// An error does not quote an invalid URL, because a password may be in it.
func TestManagerHidesSecretsOfAHost(t *testing.T) {
	t.Parallel()
	d := api.NewManager(api.ManagerOptions{Host: itemsAPI(t), Logger: slog.New(slog.DiscardHandler)})
	for _, host := range []string{"http://u:hunter2@127.0.0.1", "http://u:hunter2", "u:hunter2", "http://127.0.0.1?hunter2", "hunter2://x", "http://u:hunter2@h:p"} {
		if _, err := d.Start(t.Context(), result.Settings{Host: host}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", host, err)
		}
	}
}
