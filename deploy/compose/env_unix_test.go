//go:build unix

package compose_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// env.sh makes .env with random passwords that only its owner reads, and does not change an existing file.
func TestEnvIsMadeOnce(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"deploy/compose/env.sh", "deploy/compose/.env.example", "scripts/k8s-secrets.sh"} {
		to := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, read(t, "../../"+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := filepath.Join(root, "deploy", "compose", ".env")
	run := func() []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "bash", "deploy/compose/env.sh")
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("env.sh: %v\n%s", err, out)
		}
		return read(t, env)
	}
	made := run()
	passwords := regexp.MustCompile(`(?m)^\w+_PASSWORD=([0-9a-f]{48})$`).FindAllSubmatch(made, -1)
	if len(passwords) != 2 || bytes.Equal(passwords[0][1], passwords[1][1]) || bytes.Contains(made, []byte("CHANGE_ME")) {
		t.Errorf("want two different passwords in:\n%s", made)
	}
	if info, err := os.Stat(env); err != nil || info.Mode() != 0o600 {
		t.Errorf("the mode is %v, want 0600", info.Mode())
	}
	if again := run(); !bytes.Equal(again, made) {
		t.Errorf("the second run changed .env")
	}
}
