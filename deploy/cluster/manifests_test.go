//go:build cluster && linux

package cluster_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/dockertest"
)

// root is the top of the repository.
const root = "../.."

// images builds the images under the names that the manifests use, and returns the files of `docker save`.
// The API has two names, for a rolling update from one to the other.
func images(t *testing.T) []string {
	t.Helper()
	programs := os.Getenv("CLUSTER_BIN")
	if programs == "" {
		programs = "/tmp/onsale-cluster-bin"
	}
	dir := t.TempDir()
	var files []string
	t.Run("images", func(t *testing.T) {
		e := dockertest.Start(t)
		for _, tag := range []string{"dev", "next"} {
			e.Docker(t, "build", "--target", "prebuilt", "--tag", "onsale:"+tag, "--build-arg", "VERSION="+tag, root)
		}
		names := []string{"onsale:dev", "onsale:next"}
		cmd := exec.CommandContext(t.Context(), "bash", root+"/scripts/standins.sh",
			"--prometheus", filepath.Join(programs, "prometheus"))
		cmd.Env = e.Command(t.Context()).Env
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("scripts/standins.sh: %v", err)
		}
		for i, name := range append(names, strings.Fields(string(out))...) {
			file := filepath.Join(dir, fmt.Sprintf("%d.tar", i))
			e.Docker(t, "save", "--output", file, name)
			files = append(files, file)
			t.Logf("image %s: %s", name, e.Docker(t, "image", "inspect", "--format", "{{.Size}} bytes", name))
		}
	})
	if len(files) < 3 {
		t.Fatal("the images were not built")
	}
	return files
}

// manifests is a copy of what deploy/kubernetes needs, in which the test makes the changes that a user makes.
type manifests struct {
	dir     string
	overlay string
}

// prepare makes a copy with the Secrets' files, the autoscaling and the network policies, as docs/kubernetes.md
// describes it.
func prepare(t *testing.T) *manifests {
	t.Helper()
	m := &manifests{dir: t.TempDir()}
	m.overlay = filepath.Join(m.dir, "deploy", "kubernetes", "overlays", "local")
	for _, part := range []string{"kubernetes", "prometheus", "grafana"} {
		if err := os.CopyFS(filepath.Join(m.dir, "deploy", part), os.DirFS(filepath.Join(root, "deploy", part))); err != nil {
			t.Fatal(err)
		}
	}
	// Those of the tree, which Git ignores, are somebody's.
	secrets, err := filepath.Glob(filepath.Join(m.overlay, "*.env"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range secrets {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "bash", root+"/scripts/k8s-secrets.sh", m.overlay)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m.replace(t, "overlays/local/kustomization.yaml", "components: []",
		"components:\n  - ../../components/autoscaling\n  - ../../components/networkpolicy\n")
	// Two cores carry the whole cluster, buyers included: three replicas cannot use 500m each. And nobody
	// waits two minutes.
	m.replace(t, "components/autoscaling/autoscaler.yaml", "averageValue: 500m", "averageValue: "+scaleAt)
	m.replace(t, "components/autoscaling/autoscaler.yaml", "stabilizationWindowSeconds: 120", "stabilizationWindowSeconds: 15")
	return m
}

// replace changes one place of a file below deploy/kubernetes.
func (m *manifests) replace(t *testing.T, file, old, now string) {
	t.Helper()
	path := filepath.Join(m.dir, "deploy", "kubernetes", file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), old) != 1 {
		t.Fatalf("%s must have %q once:\n%s", file, old, text)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, now, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// value reads a variable of an .env file of the overlay.
func (m *manifests) value(t *testing.T, file, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(m.overlay, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("%s has no %s", file, name)
	return ""
}

// volumes makes a PersistentVolume in a directory of this machine for each claim of the overlay.
func (n *node) volumes(t *testing.T, dir string) {
	t.Helper()
	for _, part := range []string{"postgres", "prometheus", "alertmanager", "receiver", "grafana"} {
		path := filepath.Join(dir, part)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
		claim := "data-" + part + "-0"
		volume := fmt.Sprintf(`{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": %q}, "spec": {
			"capacity": {"storage": "8Gi"}, "accessModes": ["ReadWriteOnce"], "claimRef": {"namespace": %q, "name": %q},
			"hostPath": {"path": %q, "type": "Directory"}}}`, claim, namespace, claim, path)
		if _, err := n.try(t, volume, "apply", "-f", "-"); err != nil {
			t.Fatal(err)
		}
	}
}

// apply applies the overlay, and waits until the API's rollout is done.
func (n *node) apply(t *testing.T, m *manifests) {
	t.Helper()
	n.kubectl(t, "apply", "-k", m.overlay)
	n.rolledOut(t)
}

// rolledOut waits until all replicas of the API are of the newest kind.
func (n *node) rolledOut(t *testing.T) {
	t.Helper()
	n.kubectl(t, "rollout", "status", "deployment/onsale", "--timeout=5m")
}
