package exportcmd_test

import (
	"bytes"
	"testing"

	"onsale/cmd/onsale/internal/command"
	"onsale/cmd/onsale/internal/exportcmd"
	"onsale/internal/endpoint/endpointtest"
)

// TestNoURLShowsItsSecrets passes malformed and well-formed URLs with a secret to --receiver.
// No error may contain the secret.
func TestNoURLShowsItsSecrets(t *testing.T) {
	t.Parallel()
	endpointtest.KeepSecrets(t, func(url string) (string, error) {
		c := exportcmd.AlertmanagerCommand{Pace: "real", AlertmanagerVersion: "0.28"}
		c.Receiver, c.Output = url, "-"
		var out bytes.Buffer
		return "", c.Run(&command.Env{Lookup: func(string) (string, bool) { return "", false }, Stdout: &out, Stderr: &out})
	})
}
