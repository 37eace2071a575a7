// Package secrets_test checks that the secret scan finds secrets. It creates each secret when the test runs,
// so that the tree contains none.
package secrets_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the directory of the repository.
const root = "../.."

// finding is one secret that gitleaks reports.
type finding struct {
	RuleID string
	File   string
}

// TestSecretsAreFound commits secrets to a repository of the test's own.
func TestSecretsAreFound(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("1203", 5)[:19]
	webhook := "https://discord.com/api/webhooks/" + digits + "/" + random(t, 34)
	hub := "dckr_" + "pat_" + random(t, 14)[:27]
	secrets := map[string]struct{ rule, file, text string }{
		"a webhook":                      {"discord-webhook", "notes.md", "see " + webhook + " for more"},
		"a webhook of an API version":    {"discord-webhook", "x_test.go", strings.Replace(webhook, "/api/", "/api/v10/", 1)},
		"a webhook of the old name":      {"discord-webhook", "x.yaml", strings.Replace(webhook, "discord.com", "discordapp.com", 1)},
		"a webhook of the test client":   {"discord-webhook", "x.ts", strings.Replace(webhook, "discord.com", "canary.discord.com", 1)},
		"a webhook with a short token":   {"discord-webhook", "x.json", webhook[:len("https://discord.com/api/webhooks/")+19+20]},
		"a webhook in an env file":       {"env-file-secret", ".env", "DISCORD_URL=" + webhook},
		"a random password":              {"env-file-secret", "postgres.env", "POSTGRES_PASSWORD=" + random(t, 24)},
		"a password that one remembers":  {"env-file-secret", ".env", "POSTGRES_PASSWORD=geheim"},
		"a quoted password":              {"env-file-secret", "grafana.env.example", `GF_SECURITY_ADMIN_PASSWORD="hunter2"`},
		"an exported token":              {"env-file-secret", ".env.local", "export ONSALE_ADMIN_TOKEN=abc123"},
		"a password in a database's URL": {"url-password", "onsale.env.example", "DATABASE_URL=postgres://onsale:geheim@postgres:5432/onsale"},
		"the same in YAML":               {"url-password", "compose.yaml", "DATABASE_URL: postgresql://onsale:geheim@postgres/onsale"},
		"a private key":                  {"private-key", "server.key", privateKey(t)},
		"a private key in YAML":          {"private-key", "secret.yaml", "key: |\n  " + strings.ReplaceAll(privateKey(t), "\n", "\n  ")},
		"a token of Docker Hub":          {"docker-hub-token", ".github/workflows/x.yml", "password: " + hub},
		"an organization's token":        {"docker-hub-token", "README.md", "docker login -u me -p " + strings.Replace(hub, "_pat_", "_oat_", 1)},
		"a token of GitHub":              {"github-pat", "x.sh", "GH_TOKEN=" + "ghp_" + random(t, 18)},
		"a key of AWS":                   {"aws-access-token", "user-data.sh", "AWS_ACCESS_KEY_ID=" + "AKIA" + "Z7QWJ4XKB3MNRT5V"},
	}
	files, place := make(map[string]string), func(name, file string) string {
		return path.Join(strings.ReplaceAll(name, " ", "-"), file)
	}
	for name, secret := range secrets {
		files[place(name, secret.file)] = secret.text + "\n"
	}
	found := scan(t, files)
	for name, secret := range secrets {
		want := finding{secret.rule, place(name, secret.file)}
		if !slices.Contains(found, want) {
			t.Errorf("%s: found %v, want %v", name, found, want)
		}
	}
}

// TestNoDirectoryIsHidden checks that no exception for tests hides secrets in other files.
func TestNoDirectoryIsHidden(t *testing.T) {
	t.Parallel()
	listed := run(t, root, "git", "ls-files")
	files := make(map[string]string)
	for name := range strings.Lines(listed) {
		file := path.Join(path.Dir(strings.TrimSpace(name)), "leaked.txt")
		files[file] = "dckr_" + "pat_" + random(t, 14)[:27] + "\n"
	}
	if len(files) < 50 {
		t.Fatalf("%d directories: this test looks in the wrong place", len(files))
	}
	found := scan(t, files)
	for file := range files {
		if !slices.Contains(found, finding{"docker-hub-token", file}) {
			t.Errorf("a secret in %s is not found", path.Dir(file))
		}
	}
}

// TestExamplesAreNoSecrets checks that examples cause no false alarms.
func TestExamplesAreNoSecrets(t *testing.T) {
	t.Parallel()
	found := scan(t, map[string]string{
		"README.md": "DISCORD_URL=https://discord.com/api/webhooks/ID/TOKEN bin/onsale up\n",
		"a.env.example": "POSTGRES_PASSWORD=CHANGE_ME\nDISCORD_URL=\nONSALE_ADMIN_TOKEN=none\nA_TOKEN=${OTHER}\n# The TOKEN: any\n" +
			"DATABASE_URL=postgres://onsale:PASSWORD@NAME/onsale\nONSALE_ADMIN_TOKEN_FILE=/run/secrets/token\n",
		"database.yaml":      "value: postgres://onsale:$(POSTGRES_PASSWORD)@postgres:5432/onsale\n",
		"compose.yaml":       "value: postgres://onsale:${POSTGRES_PASSWORD}@postgres:5432/onsale\n",
		".github/workflow.y": "password: ${{ secrets.DOCKERHUB_TOKEN }}\n",
	})
	if len(found) != 0 {
		t.Errorf("found %v, want nothing", found)
	}
}

// scan commits files to a new repository and searches its history, as `make lint` searches that of Onsale.
func scan(t *testing.T, files map[string]string) []finding {
	t.Helper()
	dir := t.TempDir()
	config, err := os.ReadFile(filepath.Join(root, ".gitleaks.toml"))
	if err != nil {
		t.Fatal(err)
	}
	files = maps.Clone(files)
	files[".gitleaks.toml"] = string(config)
	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "git", "init", "--quiet")
	run(t, dir, "git", "add", "--all", "--force")
	commit := []string{"-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false", "commit", "--quiet", "--message", "Test"}
	run(t, dir, "git", commit...)
	// Deleted again: the history keeps them.
	run(t, dir, "git", "rm", "--quiet", "-r", "--", ".", ":!.gitleaks.toml")
	run(t, dir, "git", commit...)
	program := strings.TrimSpace(run(t, "..", "go", "tool", "-n", "gitleaks"))
	report := run(t, dir, program, "git", "--no-banner", "--log-level", "error", "--exit-code", "0", "--report-format", "json", "--report-path", "-")
	var found []finding
	if err := json.Unmarshal([]byte(report), &found); err != nil {
		t.Fatalf("%v in the report %q", err, report)
	}
	return found
}

// run runs a command in a directory and returns what it writes to standard output.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, &stderr)
	}
	return string(out)
}

// random returns twice as many hexadecimal digits.
func random(t *testing.T, bytes int) string {
	t.Helper()
	b := make([]byte, bytes)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

// privateKey makes one.
func privateKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE" + " KEY", Bytes: der}))
}
