//go:build cluster && linux

// Package cluster_test runs deploy/kubernetes on a real Kubernetes of one node, which scripts/cluster.sh
// starts. `make cluster-test` runs it as root; its output is the record of what was seen.
package cluster_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/client"
	"onsale/internal/fault"
	"onsale/internal/sale"
)

// shop is the API as its clients see it.
type shop struct {
	url   string
	admin *client.Client
}

// TestCluster deploys the local overlay once, and then takes one step after the other.
func TestCluster(t *testing.T) {
	if _, err := run(t.Context(), "", "missing"); err != nil {
		t.Fatal(err)
	}
	files := images(t)
	m, volumes := prepare(t), t.TempDir()
	began := time.Now()
	n := start(t)
	t.Logf("the cluster is up after %.0f s: %s", time.Since(began).Seconds(), n.kubectl(t, "get", "nodes", "-o", "wide"))
	for _, file := range files {
		if _, err := run(t.Context(), "", "load", file); err != nil {
			t.Fatal(err)
		}
	}
	n.volumes(t, volumes)
	t.Cleanup(func() { logState(t, namespace) })

	s := new(shop)
	if !t.Run("deploys", func(t *testing.T) { n.testDeploy(t, m, s) }) {
		return
	}
	t.Run("enforces restricted pods", n.testRestricted)
	t.Run("has its network policies", n.testNetworkPolicies)
	t.Run("scrapes each replica", n.testTargets)
	t.Run("sells through a rolling update", func(t *testing.T) { n.testRollingUpdate(t, m, s) })
	t.Run("sells through evictions", func(t *testing.T) { n.testEvictions(t, s) })
	t.Run("would notice a failed purchase", func(t *testing.T) { n.testNoDrain(t, m, s) })
	t.Run("comes back from a crash", func(t *testing.T) { n.testCrash(t, s) })
	t.Run("rolls out a changed ConfigMap and back", func(t *testing.T) { n.testConfigMap(t, m) })
	t.Run("rolls out a changed Secret and back", func(t *testing.T) { n.testSecret(t, m, s) })
	t.Run("loses nothing with PostgreSQL's pod", func(t *testing.T) { n.testDatabase(t, s) })
	t.Run("delivers an alert", func(t *testing.T) { n.testAlert(t, s) })
	t.Run("scales by load", func(t *testing.T) { n.testAutoscaler(t, m, s) })
	t.Run("balances at the end", func(t *testing.T) { n.testBooks(t, s) })
	t.Run("installs the chart", n.testChart)
}

// logState logs the state of a namespace after a failure, and the output of more kubectl commands.
func logState(t *testing.T, namespace string, more ...[]string) {
	t.Helper()
	if !t.Failed() {
		return
	}
	for _, args := range append([][]string{
		{"get", "pods,hpa,pdb", "-o", "wide"},
		{"get", "events", "--sort-by=.lastTimestamp"},
		{"logs", "-l", "app.kubernetes.io/name=onsale", "--tail=15", "--prefix"},
	}, more...) {
		// The test's own context has ended.
		out, err := run(context.WithoutCancel(t.Context()), "", append([]string{"kubectl", "-n", namespace}, args...)...)
		lines := strings.Split(out, "\n")
		t.Logf("kubectl %s: %v\n%s", strings.Join(args, " "), err, strings.Join(lines[max(0, len(lines)-60):], "\n"))
	}
}

// testDeploy follows docs/kubernetes.md to a purchase.
func (n *node) testDeploy(t *testing.T, m *manifests, s *shop) {
	t.Helper()
	began := time.Now()
	n.apply(t, m)
	n.kubectl(t, "wait", "--for=condition=Ready", "pod", "--all", "--timeout=5m")
	t.Logf("every pod is ready after %.0f s:\n%s", time.Since(began).Seconds(), n.kubectl(t, "get", "pods"))

	s.url = n.service(t, "onsale")
	s.admin = n.connect(t, s.url, m.value(t, "onsale.env", "ONSALE_ADMIN_TOKEN"), true)
	concert, err := s.admin.CreateConcert(t.Context(), sale.NewConcert{Title: "Opening night", Date: "2027-06-01", Venue: "Town hall", Capacity: 10})
	if err != nil {
		t.Fatal(err)
	}
	bought, err := s.admin.Buy(t.Context(), client.BuyRequest{ConcertID: concert.ID, Email: "ada@example.com", Quantity: 2})
	if err != nil || bought.Status != sale.Sold {
		t.Fatalf("the purchase: %+v, %v", bought, err)
	}
	if kept, err := s.admin.Purchase(t.Context(), bought.Purchase.ID); err != nil || kept.Quantity != 2 {
		t.Errorf("the purchase reads back as %+v, %v", kept, err)
	}
	t.Logf("bought two tickets through the Service at %s, and read them back", s.url)
	if out := n.kubectl(t, "exec", "deployment/onsale", "--", "/onsale", "version"); !strings.Contains(out, "onsale") {
		t.Errorf("onsale version says %q", out)
	}
}

// testRestricted checks that the namespace rejects a pod that is not restricted.
func (n *node) testRestricted(t *testing.T) {
	_, err := n.try(t, `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": {"containers": [
		{"name": "root", "image": "onsale:dev", "securityContext": {"runAsUser": 0}}]}}`, "apply", "-f", "-")
	if err == nil || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
		t.Fatalf("a pod that runs as root was not refused: %v", err)
	}
	t.Logf("a pod that runs as root is refused: %.220s", err)
}

// testNetworkPolicies checks that Kubernetes has accepted the policies. The bridge plugin does not enforce them.
func (n *node) testNetworkPolicies(t *testing.T) {
	names := strings.Fields(n.kubectl(t, "get", "networkpolicies", "-o", "jsonpath={.items[*].metadata.name}"))
	for _, want := range []string{"default", "onsale", "postgres", "prometheus"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no NetworkPolicy %s among %v", want, names)
		}
	}
	t.Logf("accepted, and not enforced by this network: %v", names)
}

// testTargets checks that Prometheus has discovered each replica, and scrapes it.
func (n *node) testTargets(t *testing.T) {
	url := n.service(t, "prometheus") + "/api/v1/targets?state=active"
	var up map[string]string // pod → health
	await(t, "a target for each replica", time.Minute, func() (string, bool) {
		var answer struct {
			Data struct {
				ActiveTargets []struct {
					Labels map[string]string
					Health string
				}
			}
		}
		if err := n.get(t.Context(), url, &answer); err != nil {
			return err.Error(), false
		}
		up = make(map[string]string)
		for _, target := range answer.Data.ActiveTargets {
			if target.Labels["job"] == "ticket_system" {
				up[target.Labels["pod"]] = target.Health
			}
		}
		want := make(map[string]string)
		for _, p := range n.pods(t, "onsale") {
			want[p.Metadata.Name] = "up"
		}
		return fmt.Sprintf("targets %v, pods %v", up, want), len(want) == 3 && maps.Equal(up, want)
	})
	t.Logf("targets: %v", up)
}

// testCrash checks that the crash fault ends the process in each container, and that the kubelet restarts it.
func (n *node) testCrash(t *testing.T, s *shop) {
	t.Helper()
	before := make(map[string]int)
	for _, p := range n.pods(t, "onsale") {
		before[p.Metadata.Name] = p.Status.ContainerStatuses[0].RestartCount
	}
	if _, err := s.admin.SetFaults(t.Context(), fault.Plan{Crash: fault.Crash{On: true}}); err != nil {
		t.Fatal(err)
	}
	await(t, "the restart of each container", 2*time.Minute, func() (string, bool) {
		pods := n.pods(t, "onsale")
		for _, p := range pods {
			if p.Status.ContainerStatuses[0].RestartCount <= before[p.Metadata.Name] || !p.ready() {
				return fmt.Sprintf("%s: %d restarts before, %+v now", p.Metadata.Name, before[p.Metadata.Name], p.Status), false
			}
		}
		return "", len(pods) == len(before)
	})
	if _, err := s.admin.SetFaults(t.Context(), fault.Off()); err != nil {
		t.Fatal(err)
	}
	r := n.startRush(t, s, 6, 50*time.Millisecond, false)
	r.more(t, 30)
	r.end(t, s)
	t.Logf("all %d containers crashed and came back in the same pods:\n%s", len(before),
		n.kubectl(t, "get", "pods", "-l", "app.kubernetes.io/name=onsale"))
}

// testBooks checks that every concert balances at the end.
func (n *node) testBooks(t *testing.T, s *shop) {
	t.Helper()
	books, err := s.admin.Books(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sold int64
	if len(books.Concerts) == 0 {
		t.Error("there is no concert in the books")
	}
	for _, line := range books.Concerts {
		if sold += line.Sold; line.Sold != line.Purchased || line.Sold > line.Capacity {
			t.Errorf("concert %d does not balance: %+v", line.ConcertID, line)
		}
	}
	t.Logf("%d concerts, %d tickets sold; every concert balances", len(books.Concerts), sold)
}
