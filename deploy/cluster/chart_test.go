//go:build cluster && linux

package cluster_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The namespace and the release of the chart.
const (
	shopNamespace = "shop"
	shopRelease   = "tickets"
)

// release is the chart in a namespace of its own.
type release struct{ helmHome, helmProgram string }

// testChart installs the chart as docs/helm.md describes it, buys a ticket by `helm test`, and goes through an
// upgrade, a rollback and the removal.
func (n *node) testChart(t *testing.T) {
	program, err := filepath.Abs(root + "/bin/helm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("missing: %v; make bin/helm builds it", err)
	}
	r := release{helmHome: t.TempDir(), helmProgram: program}
	n.makeShop(t)
	t.Cleanup(func() { logState(t, shopNamespace, []string{"logs", "onsale-test"}) })

	// It has no Secrets yet, and says which.
	if out, err := r.try(t, "install", chart, "--set", "networkPolicy.enabled=true"); err == nil || !strings.Contains(err.Error(), "no Secret onsale") {
		t.Fatalf("the installation without Secrets: %v\n%s", err, out)
	}
	if out, err := inShop(t, "", "get", "deployments,pods", "-l", "app.kubernetes.io/name=onsale", "-o", "name"); err != nil || out != "" {
		t.Errorf("the refused installation left %q: %v", out, err)
	}
	n.makeShopSecrets(t)

	began := time.Now()
	r.helm(t, "install", chart, "--set", "networkPolicy.enabled=true", "--wait", "--timeout=5m")
	t.Logf("helm install --wait took %.0f s:\n%s", time.Since(began).Seconds(), mustShop(t, "get", "pods"))
	r.buy(t)

	// A changed setting replaces the API's pods, and no others.
	before := shopPods(t)
	if drain := apiEnv(t, "ONSALE_DRAIN_DELAY"); drain != "5s" {
		t.Errorf("the API has ONSALE_DRAIN_DELAY=%s", drain)
	}
	r.helm(t, "upgrade", chart, "--reuse-values", "--set", "image.tag=next,settings.ONSALE_DRAIN_DELAY=2s", "--wait", "--timeout=5m")
	after := shopPods(t)
	for part, want := range map[string]bool{"onsale": true, "receiver": true, "prometheus": false, "alertmanager": false, "grafana": false, "postgres": false} {
		if replaced := before[part] != after[part]; replaced != want {
			t.Errorf("the upgrade replaced the pods of %s: %t, want %t", part, replaced, want)
		}
	}
	if drain := apiEnv(t, "ONSALE_DRAIN_DELAY"); drain != "2s" {
		t.Errorf("after the upgrade the API has ONSALE_DRAIN_DELAY=%s", drain)
	}
	t.Logf("helm upgrade replaced the pods that read what changed:\n%s", mustShop(t, "get", "pods"))
	r.buy(t)

	// A mistyped value changes nothing.
	if _, err := r.try(t, "upgrade", chart, "--reuse-values", "--set", "replica=5"); err == nil || !strings.Contains(err.Error(), "'replica' not allowed") {
		t.Errorf("a mistyped value: %v", err)
	}

	r.helm(t, "rollback", "1", "--wait", "--timeout=5m")
	if drain, image := apiEnv(t, "ONSALE_DRAIN_DELAY"), mustShop(t, "get", "deployment", "onsale", "-o", "jsonpath={.spec.template.spec.containers[0].image}"); drain != "5s" || image != "onsale:dev" {
		t.Errorf("after the rollback the API has ONSALE_DRAIN_DELAY=%s and the image %s", drain, image)
	}
	r.buy(t)
	t.Logf("helm rollback brought the first revision back:\n%s", r.helm(t, "history"))

	r.helm(t, "uninstall", "--wait", "--timeout=5m")
	left := strings.Fields(mustShop(t, "get", "deployments,statefulsets,pods,services,configmaps,networkpolicies", "-l", "app.kubernetes.io/managed-by=Helm", "-o", "name"))
	claims := strings.Fields(mustShop(t, "get", "persistentvolumeclaims", "-o", "name"))
	if len(left) > 0 || len(claims) != 5 {
		t.Errorf("helm uninstall left %v, and the volume claims are %v", left, claims)
	}
	t.Logf("helm uninstall removed everything but the Secrets and %d volume claims", len(claims))
	mustShop(t, "delete", "namespace", shopNamespace, "--timeout=2m")
}

// chart is a placeholder for the chart's directory in Helm's arguments.
const chart = "CHART"

// try runs Helm on the release, and returns its standard output. The error has what it said.
func (r release) try(t *testing.T, command string, args ...string) (string, error) {
	t.Helper()
	all := []string{
		"in", "env", "HELM_CACHE_HOME=" + r.helmHome, "HELM_CONFIG_HOME=" + r.helmHome, "HELM_DATA_HOME=" + r.helmHome,
		r.helmProgram, command, shopRelease, "--namespace", shopNamespace,
	}
	for _, arg := range args {
		if arg == chart {
			directory, err := filepath.Abs(root + "/deploy/helm/onsale")
			if err != nil {
				t.Fatal(err)
			}
			arg = directory
		}
		all = append(all, arg)
	}
	return run(t.Context(), "", all...)
}

// helm runs Helm, which must succeed.
func (r release) helm(t *testing.T, command string, args ...string) string {
	t.Helper()
	out, err := r.try(t, command, args...)
	if err != nil {
		t.Fatalf("helm %s: %v", command, err)
	}
	return out
}

// buy runs `helm test`.
func (r release) buy(t *testing.T) {
	t.Helper()
	out := r.helm(t, "test", "--logs", "--timeout=4m")
	for _, want := range []string{"Succeeded", "bought 1 ticket", "read it back", "refunded it"} {
		if strings.Count(out, want) != 1 {
			t.Fatalf("helm test must say %q once:\n%s", want, out)
		}
	}
	_, suite, _ := strings.Cut(out, "TEST SUITE")
	t.Logf("helm test, test suite%s", suite)
}

// inShop runs kubectl in the chart's namespace.
func inShop(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	return run(t.Context(), stdin, append([]string{"kubectl", "-n", shopNamespace}, args...)...)
}

func mustShop(t *testing.T, args ...string) string {
	t.Helper()
	out, err := inShop(t, "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// shopPods are the identities of the pods of each part.
func shopPods(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	lines := mustShop(t, "get", "pods", "--sort-by=.metadata.uid", "-o",
		`jsonpath={range .items[?(@.status.phase=="Running")]}{.metadata.labels.app\.kubernetes\.io/name} {.metadata.uid}{"\n"}{end}`)
	for line := range strings.Lines(lines) {
		part, uid, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[part] += uid + " "
	}
	return found
}

// apiEnv is a setting of the chart's API.
func apiEnv(t *testing.T, name string) string {
	t.Helper()
	return mustShop(t, "get", "configmap", "onsale", "-o", "jsonpath={.data."+name+"}")
}

// makeShop makes the namespace, with restricted Pod Security, and its volumes.
func (n *node) makeShop(t *testing.T) {
	t.Helper()
	namespace := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": %q,
		"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}`, shopNamespace)
	if _, err := inShop(t, namespace, "apply", "-f", "-"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, part := range []string{"postgres", "prometheus", "alertmanager", "receiver", "grafana"} {
		path, claim := filepath.Join(dir, part), "data-"+part+"-0"
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
		volume := fmt.Sprintf(`{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "%s-%s"}, "spec": {
			"capacity": {"storage": "8Gi"}, "accessModes": ["ReadWriteOnce"], "claimRef": {"namespace": %[1]q, "name": %[2]q},
			"hostPath": {"path": %[3]q, "type": "Directory"}}}`, shopNamespace, claim, path)
		if _, err := inShop(t, volume, "apply", "-f", "-"); err != nil {
			t.Fatal(err)
		}
	}
}

// makeShopSecrets makes the Secrets that the chart reads, and a PostgreSQL: that of the local overlay.
func (n *node) makeShopSecrets(t *testing.T) {
	t.Helper()
	password := strings.ToLower(rand.Text())
	for name, values := range map[string]map[string]string{
		"postgres": {"POSTGRES_PASSWORD": password},
		"onsale": {
			"DATABASE_URL":       "postgres://onsale:" + password + "@postgres:5432/onsale?sslmode=disable",
			"ONSALE_ADMIN_TOKEN": rand.Text(),
		},
		"receiver": {"ONSALE_ADMIN_TOKEN": rand.Text()},
		"grafana":  {"GF_SECURITY_ADMIN_PASSWORD": rand.Text()},
	} {
		secret, err := json.Marshal(map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]string{"name": name}, "stringData": values,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := inShop(t, string(secret), "apply", "-f", "-"); err != nil {
			t.Fatal(err)
		}
	}
	mustShop(t, "apply", "-f", root+"/deploy/kubernetes/overlays/local/postgres.yaml")
}
