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
	refused := 0
	for _, url := range endpointtest.SecretURLs() {
		c := exportcmd.AlertmanagerCommand{Pace: "real", AlertmanagerVersion: "0.28"}
		c.Receiver, c.Output = url, "-"
		var out bytes.Buffer
		err := c.Run(&command.Env{Lookup: func(string) (string, bool) { return "", false }, Stdout: &out, Stderr: &out})
		if err == nil {
			continue
		}
		refused++
		if endpointtest.Leaks(err.Error()) {
			t.Errorf("%q is shown as %v", url, err)
		}
	}
	if refused == 0 {
		t.Error("nothing was rejected") // so the test proves nothing
	}
}
