package automatecmd_test

import (
	"io"
	"testing"
	"time"

	"onsale/cmd/onsale/internal/automatecmd"
	"onsale/cmd/onsale/internal/command"
	"onsale/internal/endpoint/endpointtest"
)

// TestNoURLShowsItsSecrets passes malformed and well-formed URLs with a secret to --host. No
// error may contain the secret.
func TestNoURLShowsItsSecrets(t *testing.T) {
	t.Parallel()
	endpointtest.KeepSecrets(t, func(url string) (string, error) {
		c := automatecmd.Command{
			Host: url, Timeout: time.Second, Rate: 1, Count: 1, Users: 1, UserPrefix: "u", ShutdownTimeout: time.Second, KeepRatio: 2,
		}
		return "", c.Run(t.Context(), &command.Env{Stdout: io.Discard, Stderr: io.Discard})
	})
}
