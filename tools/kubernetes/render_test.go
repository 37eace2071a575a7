package kubernetes_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// deploy is the directory of the manifests, seen from this package.
const deploy = "../../deploy"

var (
	overlays   = []string{"local", "aks"}
	components = []string{"autoscaling", "networkpolicy", "operator", "gateway", "stress"}
)

// combinations returns the empty set of components, each single one, each two, and all of them.
func combinations() [][]string {
	all := [][]string{{}, components}
	for i, a := range components {
		all = append(all, []string{a})
		for _, b := range components[i+1:] {
			all = append(all, []string{a, b})
		}
	}
	return all
}

// checkout copies the manifests to a directory of the test, each NAME.example to
// NAME too, and returns the directory. Files that the repository ignores, such as
// the developer's own secrets, are left out.
func checkout(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	err := filepath.WalkDir(deploy, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".env") {
			return err
		}
		name, err := filepath.Rel(deploy, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, target := range slices.Compact([]string{name, strings.TrimSuffix(name, ".example")}) {
			target = filepath.Join(root, target)
			if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(target, content, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// addComponents adds components to an overlay, as its user does by a line each.
func addComponents(t *testing.T, overlay string, names []string) {
	t.Helper()
	file := filepath.Join(overlay, "kustomization.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var whole map[string]any
	if err := yaml.UnmarshalStrict(content, &whole); err != nil {
		t.Fatal(err)
	}
	list, _ := whole["components"].([]any)
	for _, name := range names {
		if path := any("../../components/" + name); !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	whole["components"] = list
	if content, err = yaml.Marshal(whole); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// build returns the objects of an overlay in YAML, as `kubectl kustomize` prints them.
func build(t *testing.T, overlay string) string {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), overlay)
	if err != nil {
		t.Fatal(err)
	}
	text, err := objects.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// render returns an overlay with components in YAML.
func render(t *testing.T, overlay string, names []string) string {
	t.Helper()
	dir := filepath.Join(checkout(t), "kubernetes", "overlays", overlay)
	addComponents(t, dir, names)
	return build(t, dir)
}

// Every overlay is right with every component, and with every two.
func TestOverlaysAreRight(t *testing.T) {
	t.Parallel()
	for _, overlay := range overlays {
		for _, names := range combinations() {
			t.Run(strings.Join(append([]string{overlay}, names...), "+"), func(t *testing.T) {
				t.Parallel()
				for _, wrong := range check(t, render(t, overlay, names)) {
					t.Error(wrong)
				}
			})
		}
	}
}

// A directory of components that no test renders would rot.
func TestEveryOverlayAndComponentIsRendered(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string][]string{"overlays": overlays, "components": components} {
		entries, err := os.ReadDir(filepath.Join(deploy, "kubernetes", dir))
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != len(want) {
			t.Errorf("%s has %d entries, and %d are rendered: %v", dir, len(entries), len(want), want)
		}
	}
}

// A changed file or Secret gets another name, so that the pods which read it are replaced.
func TestAChangeRollsOut(t *testing.T) {
	t.Parallel()
	root := checkout(t)
	overlay := filepath.Join(root, "kubernetes", "overlays", "local")
	before := names(t, build(t, overlay))
	for file, object := range map[string]string{
		"prometheus/rules.yml":                             "ConfigMap/prometheus-rules",
		"grafana/dashboards/tickets.json":                  "ConfigMap/grafana-dashboards",
		"kubernetes/base/alertmanager.yml":                 "ConfigMap/alertmanager",
		"kubernetes/overlays/local/onsale.env":             "Secret/onsale",
		"kubernetes/overlays/local/receiver.env":           "Secret/receiver",
		"kubernetes/overlays/local/postgres.env":           "Secret/postgres",
		"kubernetes/overlays/local/grafana.env":            "Secret/grafana",
		"kubernetes/base/prometheus.yml":                   "ConfigMap/prometheus",
		"grafana/provisioning/datasources/prometheus.yaml": "ConfigMap/grafana-datasources",
	} {
		path := filepath.Join(root, filepath.FromSlash(file))
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := append(slices.Clone(content), '\n')
		if strings.HasSuffix(file, ".env") {
			changed = append(changed, "ANOTHER=value\n"...)
		}
		if err := os.WriteFile(path, changed, 0o644); err != nil {
			t.Fatal(err)
		}
		after := names(t, build(t, overlay))
		if before[object] == "" || before[object] == after[object] {
			t.Errorf("%s changed, and %s is still called %q", file, object, after[object])
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if after := names(t, build(t, overlay)); after["Secret/onsale"] != before["Secret/onsale"] {
		t.Error("the files are as they were, and the Secret has another name: it cannot be rolled back")
	}
}
