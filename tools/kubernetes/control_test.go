package kubernetes_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// Each rule finds what breaks it.
func TestMistakesAreFound(t *testing.T) {
	t.Parallel()
	text := render(t, "local", components[:2])
	stress := render(t, "local", []string{"stress"})
	for name, c := range map[string]struct{ pattern, with, want string }{
		"unknown field":         {"terminationGracePeriodSeconds: 45", "terminationGracePeriod: 45", "unknown field"},
		"latest":                {"prom/prometheus:v3.15.0", "prom/prometheus:latest", "no version"},
		"no tag":                {"prom/prometheus:v3.15.0", "prom/prometheus", "no version"},
		"root":                  {"runAsNonRoot: true", "runAsNonRoot: false", "restricted"},
		"capabilities":          {"- ALL", "- CHOWN", "restricted"},
		"writable image":        {"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "may write"},
		"no probe":              {`\n {8}livenessProbe:(\n {10}.*)+`, "", "lacks a startup"},
		"probe of a wrong port": {"path: /ready\n            port: http", "path: /ready\n            port: web", "a probe asks port web"},
		"no limit":              {"memory: 512Mi", "memory: \"0\"", "limit of memory"},
		"no hash":               {"name: prometheus-rules-", "name: rules.", "has no hash"},
		"short stop":            {"terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30", "killed before"},
		"replicas":              {"revisionHistoryLimit: 5", "revisionHistoryLimit: 5\n  replicas: 3", "although it has an autoscaler"},
		"service's port":        {"targetPort: http", "targetPort: web", "leads to port web"},
		"policy's port":         {"- port: http\n    to", "- port: web\n    to", "allows port web"},
		"address":               {"alertmanager:9093", "alertmanager:9094", "not a Service"},
		"policy":                {"app.kubernetes.io/name: postgres\n  policyTypes", "app.kubernetes.io/name: mysql\n  policyTypes", "selects no pod"},
		"missing key":           {"key: POSTGRES_PASSWORD", "key: PASSWORD", "does not have"},
		"service links":         {"enableServiceLinks: false", "enableServiceLinks: true", "environment variables of Services"},
		"token":                 {"automountServiceAccountToken: false", "automountServiceAccountToken: true", "gets a token"},
		"namespace":             {"namespace: onsale", "namespace: default", "in the namespace"},
		"workers":               {"completions: 4", "completions: 3", "lacks --worker"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := text
			if name == "workers" {
				source = stress
			}
			broken := regexp.MustCompile(c.pattern).ReplaceAllLiteralString(source, c.with)
			if broken == source {
				t.Fatalf("%q is not there", c.pattern)
			}
			if wrong := strings.Join(check(t, broken), "\n"); !strings.Contains(wrong, c.want) {
				t.Errorf("want a message with %q, got:\n%s", c.want, wrong)
			}
		})
	}
}

// Prometheus scrapes here as often and under the same job as the generated
// configuration has it, which is how the rules are meant.
func TestPrometheusKeepsThePace(t *testing.T) {
	t.Parallel()
	type config struct {
		Global        map[string]string `json:"global"`
		RuleFiles     []string          `json:"rule_files"`
		ScrapeConfigs []struct {
			JobName string `json:"job_name"`
		} `json:"scrape_configs"`
	}
	read := func(name string) (c config) {
		content, err := os.ReadFile(filepath.Join(deploy, name))
		if err == nil {
			err = yaml.Unmarshal(content, &c)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want, got := read("prometheus/prometheus.yml"), read("kubernetes/base/prometheus.yml")
	for key, value := range want.Global {
		if got.Global[key] != value {
			t.Errorf("%s is %s, want %s", key, got.Global[key], value)
		}
	}
	if len(want.Global) == 0 || got.ScrapeConfigs[0].JobName != want.ScrapeConfigs[0].JobName || got.RuleFiles[0] != want.RuleFiles[0] {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// The script makes files with which the overlay renders, each with values of its own,
// and does not change existing objects.
func TestSecretsAreMade(t *testing.T) {
	t.Parallel()
	for _, name := range overlays {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overlay := filepath.Join(checkout(t), "kubernetes", "overlays", name)
			made, err := filepath.Glob(filepath.Join(overlay, "*.env"))
			if err != nil || len(made) < 3 {
				t.Fatalf("the examples are %v: %v", made, err)
			}
			for _, file := range made {
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
			run := func() {
				if out, err := exec.CommandContext(t.Context(), "bash", "../../scripts/k8s-secrets.sh", overlay).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			run()
			before := contents(t, made)
			if strings.Contains(before, "CHANGE_ME") {
				t.Errorf("a value was not made:\n%s", before)
			}
			run()
			if contents(t, made) != before {
				t.Error("the second run changed what the first had made")
			}
			seen := make(map[string]bool)
			d, wrong := decode(t, build(t, overlay))
			for object, values := range d.values {
				for key, value := range values {
					if strings.HasPrefix(object, "Secret/") && value != "" {
						if seen[value] {
							t.Errorf("%s %s has the value of another", object, key)
						}
						seen[value] = true
					}
				}
			}
			if len(seen) < 2 || len(wrong) > 0 {
				t.Errorf("the overlay has %d secret values: %v", len(seen), wrong)
			}
		})
	}
}

// contents reads files that nobody else may read.
func contents(t *testing.T, files []string) string {
	t.Helper()
	var all strings.Builder
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v: %v", file, info.Mode(), err)
		}
		all.Write(content)
	}
	return all.String()
}

// Git ignores the files with secrets, and keeps the examples.
func TestSecretsAreIgnored(t *testing.T) {
	t.Parallel()
	examples, err := filepath.Glob(filepath.Join(deploy, "kubernetes", "overlays", "*", "*.env.example"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("there are no examples: %v", err)
	}
	for _, example := range examples {
		if err := exec.CommandContext(t.Context(), "git", "check-ignore", "-q", strings.TrimSuffix(example, ".example")).Run(); err != nil {
			t.Errorf("the file of %s is not ignored: %v", example, err)
		}
		if err := exec.CommandContext(t.Context(), "git", "check-ignore", "-q", example).Run(); err == nil {
			t.Errorf("%s is ignored", example)
		}
	}
}
