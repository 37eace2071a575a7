package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"onsale/internal/app"
	"onsale/internal/endpoint/endpointtest"
)

// TestNoURLShowsItsSecrets passes malformed and well-formed URLs with a secret to every
// option that takes a URL. No error and no output may contain the secret.
func TestNoURLShowsItsSecrets(t *testing.T) {
	t.Parallel()
	places := map[string]func(t *testing.T, url string) (said string, err error){
		"--target": func(_ *testing.T, url string) (string, error) {
			o := app.DefaultMonitorOptions()
			o.Targets = []string{url}
			return "", o.Validate()
		},
		"--external-url": func(_ *testing.T, url string) (string, error) {
			o := app.DefaultMonitorOptions()
			o.Targets, o.Watch.ExternalURL = []string{"http://127.0.0.1:8000"}, url
			return "", o.Validate()
		},
		"--external-url of up": func(_ *testing.T, url string) (string, error) {
			o, up := app.DefaultOptions(), app.DefaultUp()
			up.Watch.ExternalURL, o.Up = url, &up
			return "", o.Validate()
		},
		"DISCORD_URL": func(_ *testing.T, url string) (string, error) {
			o := app.DefaultMonitorOptions()
			o.Targets, o.Watch.DiscordURL = []string{"http://127.0.0.1:8000"}, app.Secret(url)
			return "", o.Validate()
		},
		"--external-url of receiver": func(_ *testing.T, url string) (string, error) {
			o := app.DefaultReceiverOptions()
			o.ExternalURL = url
			return "", o.Validate()
		},
		"DISCORD_URL of receiver": func(_ *testing.T, url string) (string, error) {
			o := app.DefaultReceiverOptions()
			o.DiscordURL = app.Secret(url)
			return "", o.Validate()
		},
		"--listen": func(_ *testing.T, url string) (string, error) {
			o := app.DefaultMonitorOptions()
			o.Targets, o.Listen = []string{"http://127.0.0.1:8000"}, url
			return "", o.Validate()
		},
		"DATABASE_URL": func(t *testing.T, url string) (string, error) {
			t.Helper()
			o := app.DefaultOptions()
			o.Listen, o.DatabaseURL, o.DatabaseURLSet = "127.0.0.1:0", url, true
			return runCut(t, func(ctx context.Context, out io.Writer, log *slog.Logger) error {
				o.Out, o.Logger = out, log
				a, err := app.New(ctx, o)
				if err != nil {
					return err
				}
				over, end := context.WithCancel(ctx)
				end() // the test must not look up names
				return a.Run(over)
			})
		},
	}
	for name, try := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpointtest.KeepSecrets(t, func(url string) (string, error) { return try(t, url) })
		})
	}
}

// runCut runs a function for at most 50 ms, and returns its output.
func runCut(t *testing.T, run func(context.Context, io.Writer, *slog.Logger) error) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	err := run(ctx, &out, slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return out.String(), err
}
