package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/cmd/onsale/internal/command"
)

// exported runs `onsale export` in this process with these environment variables.
func exported(t *testing.T, env map[string]string, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	lookup := func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
	var out, said bytes.Buffer
	code = run(t.Context(), append([]string{"export"}, args...), lookup, strings.NewReader(stdin), &out, &said)
	return out.String(), said.String(), code
}

// mustExport is like exported, but the command must succeed.
func mustExport(t *testing.T, args ...string) (stdout, stderr string) {
	t.Helper()
	stdout, stderr, code := exported(t, nil, "", args...)
	if code != command.ExitOK {
		t.Fatalf("onsale export %q: code %d, %s", args, code, stderr)
	}
	return stdout, stderr
}

// TestExportWritesWhatIsCommitted: without flags, the command writes deploy/ and
// docs/runbooks, byte for byte.
func TestExportWritesWhatIsCommitted(t *testing.T) {
	t.Parallel()
	repository := filepath.Join("..", "..")
	for command, path := range map[string]string{
		"rules": "deploy/prometheus/rules.yml", "prometheus": "deploy/prometheus/prometheus.yml",
		"alertmanager": "deploy/alertmanager/alertmanager.yml",
	} {
		want, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		if got, said := mustExport(t, command); got != string(want) || said != "" {
			t.Errorf("onsale export %s does not write %s, or prints %q", command, path, said)
		}
	}
	for command, dir := range map[string]string{
		"dashboards": "deploy/grafana/dashboards", "grafana": "deploy/grafana", "runbooks": "docs/runbooks",
	} {
		written := filepath.Join(t.TempDir(), "new", "directory")
		_, said := mustExport(t, command, "--output", written)
		got, want := filesOf(t, written), filesOf(t, filepath.Join(repository, filepath.FromSlash(dir)))
		// Not exported: Kubernetes reads the files in place, and shares Grafana's settings with Compose.
		delete(want, "kustomization.yaml")
		delete(want, "environment")
		for name, text := range want {
			if got[name] != text {
				t.Errorf("onsale export %s does not write %s/%s", command, dir, name)
			}
			if !strings.Contains(said, "onsale: wrote "+filepath.Join(written, name)+"\n") {
				t.Errorf("onsale export %s does not report that it wrote %s", command, name)
			}
		}
		if len(got) != len(want) {
			t.Errorf("onsale export %s writes %d files, and %s has %d", command, len(got), dir, len(want))
		}
	}
}

// filesOf returns the files below a directory, by path.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		files[filepath.FromSlash(path)] = string(text)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	return files
}

// TestExportErrors: an error names the invalid flag. The exit code is that of a usage error,
// unless the flags are valid.
func TestExportErrors(t *testing.T) {
	t.Parallel()
	broken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(broken.Close)
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Sign in</html>") }))
	t.Cleanup(page.Close)
	file := writeFile(t, "foreign.yml", "mine: 1\n")
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no kind":             {nil, command.ExitUsage, "rules"},
		"unknown kind":        {[]string{"rule"}, command.ExitUsage, "rule"},
		"no directory":        {[]string{"dashboards"}, command.ExitUsage, "--output"},
		"pace":                {[]string{"rules", "--pace", "fast"}, command.ExitUsage, "--pace"},
		"job":                 {[]string{"rules", "--job="}, command.ExitUsage, "--job"},
		"threshold":           {[]string{"rules", "--alert-failure-share=2"}, command.ExitUsage, "--alert-failure-share must be between 0 and 1"},
		"threshold of boards": {[]string{"dashboards", "-o", "x", "--alert-cpu-percent=0"}, command.ExitUsage, "--alert-cpu-percent"},
		"no number":           {[]string{"rules", "--alert-queue-share=half"}, command.ExitUsage, "--alert-queue-share"},
		"label":               {[]string{"rules", "--label", "team"}, command.ExitUsage, "--label"},
		"label's name":        {[]string{"rules", "--label", "my-team=x"}, command.ExitUsage, "--label: the name"},
		"severity":            {[]string{"rules", "--severity", "HighCPU=page"}, command.ExitUsage, "--severity: HighCPU must be critical, warning or info"},
		"unknown alert":       {[]string{"runbooks", "-o", "x", "--severity", "Nope=info"}, command.ExitUsage, `--severity: unknown alert "Nope"`},
		"runbook with a user": {[]string{"rules", "--runbook-url", "https://me:" + secret + "@wiki/"}, command.ExitUsage, "--runbook-url"},
		"two sources":         {[]string{"rules", "--target", page.URL, "--metrics", "-"}, command.ExitUsage, "--target and --metrics"},
		"target":              {[]string{"rules", "--target", "ftp://shop"}, command.ExitUsage, "--target must be HOST:PORT"},
		"target with a user":  {[]string{"rules", "--target", "http://me:" + secret + "@shop/"}, command.ExitUsage, "--target must have neither a user"},
		"Grafana's source":    {[]string{"grafana", "-o", "x", "--prometheus-url", "prometheus:9090"}, command.ExitUsage, "--prometheus-url"},
		"runbook that runs":   {[]string{"rules", "--runbook-url", "javascript:alert(1)"}, command.ExitUsage, "--runbook-url must be a path, or a URL with http or https"},
		"scraped query":       {[]string{"prometheus", "--target", "http://shop/metrics?key=" + secret}, command.ExitUsage, "--target must have no query"},
		"URL and no file":     {[]string{"alertmanager", "--discord-url-file", "https://discord.com/api/webhooks/1/" + secret}, command.ExitUsage, "--discord-url-file must name a file"},
		"URL for an old one":  {[]string{"alertmanager", "--alertmanager-version=0.25", "--discord-url-file", "discord.com/api/webhooks/1/" + secret}, command.ExitUsage, "--discord-url-file must name a file"},
		"several on output":   {[]string{"dashboards", "-o", "-"}, command.ExitFailure, "--output must be a directory"},
		"another's flag":      {[]string{"rules", "--host", "h"}, command.ExitUsage, "unknown flag --host (see onsale export rules --help)"},
		"help":                {[]string{"dashboards"}, command.ExitUsage, "(see onsale export dashboards --help)"},
		"version":             {[]string{"alertmanager", "--alertmanager-version", "0.24"}, command.ExitUsage, "--alertmanager-version must be at least 0.25"},
		"no scrape target":    {[]string{"prometheus", "--target="}, command.ExitUsage, "--target"},
		"Alertmanager":        {[]string{"prometheus", "--alertmanager", "http://a:9093"}, command.ExitUsage, "--alertmanager"},
		"no server":           {[]string{"rules", "--target", "http://127.0.0.1:1"}, command.ExitFailure, "--target http://127.0.0.1:1/metrics: "},
		"404":                 {[]string{"rules", "--target", broken.URL}, command.ExitFailure, "the answer is 404 Not Found"},
		"no metrics":          {[]string{"rules", "--target", page.URL + "/any"}, command.ExitFailure, "line 1 is not a metric"},
		"no file":             {[]string{"rules", "--metrics", "missing.txt"}, command.ExitFailure, "--metrics: "},
		"nothing saved":       {[]string{"rules", "--metrics", "-"}, command.ExitFailure, "--metrics: the page has no metrics"},
		"file of others":      {[]string{"rules", "-o", file}, command.ExitFailure, "--force"},
		"a directory":         {[]string{"rules", "-o", filepath.Dir(file)}, command.ExitFailure, "is a directory"},
		"below a file":        {[]string{"dashboards", "-o", file}, command.ExitFailure, "--output: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, said, code := exported(t, nil, "", c.args...)
			if code != c.code || !strings.Contains(said, c.want) || strings.Count(said, "\n") != 1 || strings.Contains(said, secret) {
				t.Errorf("code %d, %q; want %d and %q in one line", code, said, c.code, c.want)
			}
			if out != "" {
				t.Errorf("it still wrote %q", out)
			}
		})
	}
	t.Cleanup(func() {
		if text, err := os.ReadFile(file); err != nil || string(text) != "mine: 1\n" {
			t.Errorf("the file of another program is %q, %v", text, err)
		}
	})
}

// TestExportKeepsFilesOfOthers: the command changes nothing in a directory with a file that it
// has not written. It overwrites its own files.
func TestExportKeepsFilesOfOthers(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"dashboards", "grafana", "runbooks"} {
		dir := t.TempDir()
		mustExport(t, kind, "-o", dir)
		before := filesOf(t, dir)
		mustExport(t, kind, "-o", dir, "--job", "shop/api", "--alert-cpu-percent", "50")
		after := filesOf(t, dir)
		var changed string
		for name := range before {
			if before[name] != after[name] {
				changed = name
			}
		}
		if changed == "" {
			t.Fatalf("%s: the second export changes nothing", kind)
		}
		foreign := `{"uid":"my-own","title":"Mine","tags":["onsale"]}`
		if err := os.WriteFile(filepath.Join(dir, changed), []byte(foreign), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, said, code := exported(t, nil, "", kind, "-o", dir); code != command.ExitFailure || !strings.Contains(said, changed) {
			t.Errorf("%s: code %d, %q", kind, code, said)
		}
		after[changed] = foreign
		for name, text := range filesOf(t, dir) {
			if after[name] != text {
				t.Errorf("%s: %s was overwritten", kind, name)
			}
		}
		mustExport(t, kind, "-o", dir, "--force")
		if got := filesOf(t, dir)[changed]; got != before[changed] {
			t.Errorf("%s: --force does not overwrite %s", kind, changed)
		}
	}
}

// TestExportReadsTheEnvironment: variables can set the flags, as in other commands, and
// standard input can be the saved metrics page.
func TestExportReadsTheEnvironment(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "rules.yml")
	p := launch(t, []string{
		"ONSALE_JOB=shop", "ONSALE_LABEL=team=payments;tier=1", "ONSALE_SEVERITY=HighCPU=info", "ONSALE_ALERT_CPU_PERCENT=77",
		"ONSALE_RUNBOOK_URL=https://wiki.example.com/rb", "ONSALE_METRICS=" + writeFile(t, "page", "cpu_usage_percent 5\n"), "ONSALE_OUTPUT=" + file,
	}, "export", "rules")
	if code := p.code(); code != command.ExitOK || !strings.Contains(p.stderr.String(), "onsale: left out alert HighMemory: no memory_usage_percent\n") {
		t.Errorf("code %d, %s", code, p.stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rules := string(text)
	for _, want := range []string{`job="shop"`, "team: payments", `tier: "1"`, "severity: info", "> 77", "runbook_url: https://wiki.example.com/rb/HighCPU"} {
		if !strings.Contains(rules, want) {
			t.Errorf("no %s in the rules", want)
		}
	}
	if strings.Contains(rules, "HighMemory") {
		t.Error("the rules need metrics that the service does not export")
	}
	if again, said, code := exported(t, nil, "cpu_usage_percent 5\n", "rules", "--metrics", "-"); code != command.ExitOK || strings.Contains(again, "HighMemory") {
		t.Errorf("from standard input: code %d, %s", code, said)
	}
	routes, _, code := exported(t, map[string]string{"DISCORD_URL": "http://127.0.0.1/" + secret, "DISCORD_MENTION": "@here"}, "", "alertmanager")
	if code != command.ExitOK || !strings.Contains(routes, "@here") || strings.Contains(routes, secret) {
		t.Errorf("code %d, routes:\n%s", code, routes)
	}
	if _, said, code := exported(t, map[string]string{"DISCORD_MENTION": "@nobody"}, "", "alertmanager"); code != command.ExitUsage || !strings.Contains(said, "DISCORD_MENTION") {
		t.Errorf("code %d, %q", code, said)
	}
}
