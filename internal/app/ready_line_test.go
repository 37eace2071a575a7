package app_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"onsale/internal/app"
)

// TestReadyLineNamesAnAddressThatOpens opens the URL in the ready line, also that of a server
// on all addresses.
func TestReadyLineNamesAnAddressThatOpens(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", ":0", "[::]:0", "0.0.0.0:0"} {
		t.Run(listen, func(t *testing.T) {
			t.Parallel()
			o, said := options(t)
			o.Listen = listen
			_, stop := start(t, o, patience)
			opens(t, said, "/ready")
			if err := stop(); err != nil {
				t.Error(err)
			}
			if public := strings.Contains(said.String(), "listens on all addresses"); public != (listen != "127.0.0.1:0") {
				t.Errorf("the output is wrong about access from other machines:\n%s", said)
			}
		})
	}
	t.Run("monitor", func(t *testing.T) {
		t.Parallel()
		o, said := app.DefaultMonitorOptions(), new(saying)
		o.Listen, o.DataDir, o.Targets, o.Out = "[::]:0", t.TempDir(), []string{"http://127.0.0.1:1"}, said
		m, err := app.NewMonitor(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		for _, path := range []string{"/-/healthy", "/-/ready", "/health", "/ready"} {
			opens(t, said, path)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

var readyLine = regexp.MustCompile(`(?m)^onsale: ready on (http://127\.0\.0\.1:[1-9]\d*)$`)

// opens waits for the ready line and opens a path at the URL in it.
func opens(t *testing.T, said *saying, path string) {
	t.Helper()
	await(t, "the ready line", func() bool { return strings.Contains(said.String(), "ready on ") })
	line := readyLine.FindStringSubmatch(said.String())
	if line == nil {
		t.Fatalf("no ready line with an address of this machine:\n%s", said)
	}
	await(t, "an answer at "+line[1], func() bool {
		status, _ := get(t, line[1]+path)
		return status == http.StatusOK
	})
	if strings.Contains(said.String(), "[::]") || strings.Contains(said.String(), "0.0.0.0") {
		t.Errorf("the output has an address that cannot be opened:\n%s", said)
	}
}
