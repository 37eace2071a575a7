package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStressTokenOfTheEnvironmentStaysHere: a token or a token file from the environment can
// belong to another server, so it is not sent to another machine in plain text. A token file
// from the command line is.
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
				t.Errorf("withheld: %t, want %t\n%s", kept, c.kept, said)
			}
		})
	}
}

const adminTokenOfTheTest = "a-token-that-goes-nowhere"
