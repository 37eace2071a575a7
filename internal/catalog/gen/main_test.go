package main

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"onsale/internal/catalog"
)

var update = flag.Bool("update", false, "write the files anew, as make generate does")

// TestAllIsCommitted compares what the generator writes with what stands in the
// repository.
func TestAllIsCommitted(t *testing.T) {
	if *update {
		if err := writeAll(repository); err != nil {
			t.Fatal(err)
		}
	}
	root := t.TempDir()
	if err := writeAll(root); err != nil {
		t.Fatal(err)
	}
	written := os.DirFS(root)
	err := fs.WalkDir(written, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		want, err := fs.ReadFile(written, path)
		if err != nil {
			return err
		}
		if got, err := os.ReadFile(filepath.Join(repository, path)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes (%v): run make generate", path, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{runbooks, alertingFiles} {
		dir = strings.TrimSuffix(dir, "/")
		want, got := read(t, written, dir), read(t, os.DirFS(repository), dir)
		if len(got) != len(want) {
			t.Errorf("%s has %d files, and the generator writes %d", dir, len(got), len(want))
		}
	}
}

// The pages of alerts that are no more go, and nothing else does.
func TestOldRunbooksGo(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old, other := filepath.Join(root, runbooks, "Gone.md"), filepath.Join(root, "docs", "other.md")
	for _, name := range []string{old, other} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeRunbooks(root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !os.IsNotExist(err) {
		t.Errorf("the old page is still there: %v", err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}

// readGrafana reads a file as Grafana does, with the environment filled in
// wherever Grafana does that: not in queries, and not in annotations.
func readGrafana(t *testing.T, name string) (file provisioned) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, alertingFiles+name))
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&file); err != nil {
		t.Fatal(err)
	}
	if file.APIVersion != 1 {
		t.Errorf("%s has API version %d", name, file.APIVersion)
	}
	return file
}

// Grafana's rules are those of Prometheus: all of them, with their conditions.
func TestGrafanaHasEveryAlert(t *testing.T) {
	t.Parallel()
	groups := readGrafana(t, "rules.yaml").Groups
	alerts := catalog.Alerts(catalog.DefaultSettings(), catalog.Real())
	if len(groups) != 1 || groups[0].Folder == "" || len(groups[0].Rules) != len(alerts) {
		t.Fatalf("%d groups", len(groups))
	}
	uid := regexp.MustCompile(`^[a-z0-9-]{1,40}$`) // Grafana takes no longer one
	for i, a := range alerts {
		rule := groups[0].Rules[i]
		if rule.Title != a.Name || !uid.MatchString(rule.UID) || rule.For != span(a.For) || rule.Labels["severity"] != string(a.Severity) {
			t.Errorf("rule %d is %s %s for %s", i, rule.UID, rule.Title, rule.For)
		}
		if got := rule.Data[0]; got.Model["expr"] != a.Expr || got.Model["instant"] != true || got.DatasourceUID != dataSourceUID {
			t.Errorf("%s asks %v", a.Name, got)
		}
		ids := make(map[string]bool)
		for _, q := range rule.Data {
			ids[q.RefID] = q.Model["refId"] == q.RefID
		}
		if !ids[rule.Condition] || !ids["B"] || rule.Data[2].Model["expression"] != "B" {
			t.Errorf("%s has the condition %s of %v", a.Name, rule.Condition, rule.Data)
		}
		for name, text := range rule.Annotations {
			if strings.Contains(text, "$value ") || strings.Contains(text, "$value}") || strings.Contains(text, "${") {
				t.Errorf("%s: %s is not in Grafana's words: %s", a.Name, name, text)
			}
		}
		if silent := rule.NoDataState == "OK" && rule.ExecErrState == "OK"; silent == (a.Name == "InstanceDown") {
			t.Errorf("%s: without data %s, without an answer %s", a.Name, rule.NoDataState, rule.ExecErrState)
		}
	}
}

// The webhook's URL is a secret: it is in no file, and Grafana fills it in.
func TestGrafanaSendsToDiscord(t *testing.T) {
	t.Parallel()
	points, policies := readGrafana(t, "contact-points.yaml").ContactPoints, readGrafana(t, "policies.yaml").Policies
	if len(points) != 1 || len(policies) != 1 || policies[0].Receiver != points[0].Name {
		t.Fatalf("contact points %v, policies %v", points, policies)
	}
	to := points[0].Receivers[0]
	if to.Type != "discord" || to.Settings["url"] != "$DISCORD_URL" || !strings.Contains(to.Settings["message"].(string), "$DISCORD_MENTION ") {
		t.Errorf("receiver %v", to)
	}
	p := policies[0]
	if p.GroupWait != "24s" || p.GroupInterval != "1m" || p.RepeatInterval != "4h" || !strings.Contains(strings.Join(p.GroupBy, " "), "alertname") {
		t.Errorf("policy %v", p)
	}
}
