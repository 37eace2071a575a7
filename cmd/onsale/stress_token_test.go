package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A token that the environment holds, or names a file of, may be another server's: it
// does not leave this machine in clear. One that the command line names does.
func TestStressTokenOfTheEnvironmentStaysHere(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(adminTokenOfTheTest), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env   []string
		flags []string
		kept  bool
	}{
		"token in the environment": {[]string{"ONSALE_ADMIN_TOKEN=" + adminTokenOfTheTest}, nil, true},
		"file in the environment":  {[]string{"ONSALE_ADMIN_TOKEN_FILE=" + file}, nil, true},
		"file on the command line": {nil, []string{"--admin-token-file", file}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"run", "--host", "http://0.0.0.0:1", "--no-check", "--no-keep", "--run-time", "100ms"}, c.flags...)
			_, out, said := storm(t, c.env, args...)
			if kept := strings.Contains(said, "is not sent in plain text"); kept != c.kept || strings.Contains(out+said, adminTokenOfTheTest) {
				t.Errorf("kept back: %t, want %t\n%s", kept, c.kept, said)
			}
		})
	}
}

const adminTokenOfTheTest = "a-token-that-goes-nowhere"
