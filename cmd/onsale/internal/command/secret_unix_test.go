//go:build unix

package command

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestSecretFromAPipe reads a secret from a pipe, like <(command) in a shell. The size limit
// applies although a pipe has no size.
func TestSecretFromAPipe(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]string{20: "", maxSecretFile: "", maxSecretFile + 1: "at most 65536 bytes"} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = w.WriteString(strings.Repeat("x", size)) // fails once the reader closes the pipe
			_ = w.Close()
		}()
		got, err := SecretFile("--admin-token-file", fmt.Sprintf("/dev/fd/%d", r.Fd()))
		_ = r.Close()
		if want == "" && (err != nil || len(got) != size) {
			t.Errorf("%d bytes: read %d, %v", size, len(got), err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--admin-token-file")) {
			t.Errorf("%d bytes: %v, want the flag and %q", size, err, want)
		}
	}
}
