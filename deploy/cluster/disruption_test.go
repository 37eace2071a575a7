//go:build cluster && linux

package cluster_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"onsale/internal/fault"
)

// testRollingUpdate puts another image into each replica while buyers buy, with the default fault plan:
// a payment takes 1 to 4 s, so that every replica has purchases in progress when it stops.
func (n *node) testRollingUpdate(t *testing.T, m *manifests, s *shop) {
	t.Helper()
	if _, err := s.admin.SetFaults(t.Context(), fault.Default()); err != nil {
		t.Fatal(err)
	}
	r := n.startRush(t, s, 150, 200*time.Millisecond, false)
	r.more(t, 150)
	for _, update := range [][2]string{{"dev", "next"}, {"next", "dev"}} {
		began, before := time.Now(), sold(r)
		m.replace(t, "overlays/local/kustomization.yaml", "newTag: "+update[0], "newTag: "+update[1])
		n.apply(t, m)
		await(t, "the end of the old replicas", time.Minute, func() (string, bool) { return n.ofImage(t, "onsale:"+update[1]) })
		t.Logf("onsale:%s replaced onsale:%s in %.0f s, with %d purchases in that time",
			update[1], update[0], time.Since(began).Seconds(), sold(r)-before)
	}
	r.more(t, 150)
	r.end(t, s)
	if _, err := s.admin.SetFaults(t.Context(), fault.Off()); err != nil {
		t.Fatal(err)
	}
}

func sold(r *rush) int {
	sold, _ := r.count()
	return sold
}

// ofImage reports whether the API has exactly three pods, all of that image.
func (n *node) ofImage(t *testing.T, image string) (string, bool) {
	t.Helper()
	var list struct{ Items []pod }
	n.object(t, &list, "pods", "-l", "app.kubernetes.io/name=onsale")
	state, ok := "", len(list.Items) == 3
	for _, p := range list.Items {
		state += fmt.Sprintf("%s %s ready %t; ", p.Metadata.Name, p.Spec.Containers[0].Image, p.ready())
		ok = ok && p.ready() && p.Spec.Containers[0].Image == image
	}
	return state, ok
}

// testEvictions evicts each replica as a drain of its node does, one after the other under the disruption
// budget, while buyers buy as fast as they can.
func (n *node) testEvictions(t *testing.T, s *shop) {
	t.Helper()
	if _, err := s.admin.SetFaults(t.Context(), fault.Off()); err != nil {
		t.Fatal(err)
	}
	r := n.startRush(t, s, 30, 150*time.Millisecond, false)
	r.more(t, 100)
	pods := n.pods(t, "onsale")
	refused := 0
	for _, p := range pods {
		await(t, "the eviction of "+p.Metadata.Name, 2*time.Minute, func() (string, bool) {
			err := n.evict(t, p.Metadata.Name)
			if err != nil && strings.Contains(err.Error(), "disruption budget") {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(err), err == nil
		})
	}
	if refused == 0 {
		t.Error("the budget let three replicas go at once")
	}
	await(t, "three other replicas", 2*time.Minute, func() (string, bool) { return n.ofImage(t, "onsale:dev") })
	for _, p := range n.pods(t, "onsale") {
		for _, old := range pods {
			if p.Metadata.Name == old.Metadata.Name {
				t.Errorf("%s was evicted, but still exists", p.Metadata.Name)
			}
		}
	}
	r.more(t, 100)
	r.end(t, s)
	t.Logf("%d replicas evicted, one at a time: the budget refused %d evictions until another replica was ready", len(pods), refused)
}

// testNoDrain is the negative control of the two before: replicas that do not go on serving after SIGTERM
// lose purchases, and the rush sees it. The ledger balances even then.
func (n *node) testNoDrain(t *testing.T, m *manifests, s *shop) {
	t.Helper()
	const file, drain, none = "base/kustomization.yaml", "ONSALE_DRAIN_DELAY=5s", "ONSALE_DRAIN_DELAY=0s"
	m.replace(t, file, drain, none)
	n.apply(t, m)
	r := n.startRush(t, s, 60, 100*time.Millisecond, false)
	r.more(t, 100)
	n.kubectl(t, "rollout", "restart", "deployment/onsale")
	n.rolledOut(t)
	r.stop(t)
	if len(r.failures) == 0 {
		t.Error("no purchase failed without a drain: the rush would not notice one")
	} else {
		t.Logf("without a drain %d purchases failed, such as: %s", len(r.failures), r.failures[0])
	}
	if err := r.compare(t.Context(), s); err != nil {
		t.Error(err)
	}
	m.replace(t, file, none, drain)
	n.apply(t, m)
}

func (n *node) evict(t *testing.T, name string) error {
	t.Helper()
	_, err := n.try(t, fmt.Sprintf(`{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": %q, "namespace": %q}}`, name, namespace),
		"create", "--raw", fmt.Sprintf("/api/v1/namespaces/%s/pods/%s/eviction", namespace, name), "-f", "-")
	return err
}

// testConfigMap changes the memory limit of the Go runtime, which /metrics shows.
func (n *node) testConfigMap(t *testing.T, m *manifests) {
	t.Helper()
	const file, old, now = "base/kustomization.yaml", "GOMEMLIMIT=460MiB", "GOMEMLIMIT=448MiB"
	names := func() string { return strings.Join(configs(n.pods(t, "onsale")), " ") }
	before := names()
	n.memoryLimit(t, 460)
	m.replace(t, file, old, now)
	n.apply(t, m)
	n.memoryLimit(t, 448)
	changed := names()
	if changed == before {
		t.Errorf("the pods read %s before and after", before)
	}
	n.kubectl(t, "rollout", "undo", "deployment/onsale")
	n.rolledOut(t)
	n.memoryLimit(t, 460)
	if back := names(); back != before {
		t.Errorf("after the way back the pods read %s, want %s", back, before)
	}
	t.Logf("GOMEMLIMIT 460 → 448 → 460 MiB as each replica says at /metrics; ConfigMaps and Secrets: %s → %s → %s", before, changed, before)
	m.replace(t, file, now, old)
}

// memoryLimit waits until each replica has that limit, in MiB.
func (n *node) memoryLimit(t *testing.T, want float64) {
	t.Helper()
	await(t, "a memory limit", time.Minute, func() (string, bool) {
		pods := n.pods(t, "onsale")
		for _, p := range pods {
			var text string
			if err := n.get(t.Context(), "http://"+p.Status.PodIP+":8000/metrics", &text); err != nil {
				return err.Error(), false
			}
			if line := fmt.Sprintf("\ngo_gc_gomemlimit_bytes %g\n", want*(1<<20)); !strings.Contains(text, line) {
				return fmt.Sprintf("%s has not %q", p.Metadata.Name, line), false
			}
		}
		return "no pods", len(pods) == 3
	})
}

// configs returns the ConfigMaps and Secrets that the pods read their environment from, each once.
func configs(pods []pod) []string {
	var names []string
	for _, p := range pods {
		for _, from := range p.Spec.Containers[0].EnvFrom {
			name := ""
			if from.ConfigMapRef != nil {
				name = from.ConfigMapRef.Name
			} else if from.SecretRef != nil {
				name = from.SecretRef.Name
			}
			if !strings.Contains(strings.Join(names, " "), name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// testSecret changes the admin token.
func (n *node) testSecret(t *testing.T, m *manifests, s *shop) {
	t.Helper()
	old := m.value(t, "onsale.env", "ONSALE_ADMIN_TOKEN")
	const now = "another-token-of-this-test"
	opens := func(token string, want bool) {
		t.Helper()
		for _, p := range n.pods(t, "onsale") {
			c := n.connect(t, "http://"+p.Status.PodIP+":8000", token, false)
			if _, err := c.Books(t.Context()); (err == nil) != want {
				t.Errorf("%s: a token opens the books: want %t, got %v", p.Metadata.Name, want, err)
			}
		}
	}
	opens(old, true)
	opens(now, false) // the negative control
	m.replace(t, "overlays/local/onsale.env", "ONSALE_ADMIN_TOKEN="+old, "ONSALE_ADMIN_TOKEN="+now)
	n.apply(t, m)
	opens(now, true)
	opens(old, false)
	n.kubectl(t, "rollout", "undo", "deployment/onsale")
	n.rolledOut(t)
	opens(old, true)
	opens(now, false)
	m.replace(t, "overlays/local/onsale.env", "ONSALE_ADMIN_TOKEN="+now, "ONSALE_ADMIN_TOKEN="+old)
	s.admin = n.connect(t, s.url, old, true)
	t.Log("a changed admin token opened every replica and the old one none; after `rollout undo` the other way round")
}

// testDatabase deletes PostgreSQL's pod, and later kills its process, while patient buyers buy. A buyer who
// got no answer asks again with the same key.
func (n *node) testDatabase(t *testing.T, s *shop) {
	t.Helper()
	r := n.startRush(t, s, 30, 100*time.Millisecond, true)
	r.more(t, 200)
	began, before := time.Now(), n.pods(t, "postgres")[0]
	n.kubectl(t, "delete", "pod", before.Metadata.Name)
	n.kubectl(t, "wait", "--for=condition=Ready", "pod", before.Metadata.Name, "--timeout=3m")
	r.more(t, 200)
	t.Logf("PostgreSQL's pod was deleted; it is ready and tickets are sold again after %.0f s", time.Since(began).Seconds())

	began = time.Now()
	id := strings.TrimPrefix(n.pods(t, "postgres")[0].Status.ContainerStatuses[0].ContainerID, "containerd://")
	if _, err := run(t.Context(), "", "kill", id); err != nil {
		t.Fatal(err)
	}
	await(t, "the restart of PostgreSQL", 2*time.Minute, func() (string, bool) {
		p := n.pods(t, "postgres")[0]
		return fmt.Sprintf("%+v", p.Status), p.Status.ContainerStatuses[0].RestartCount > 0 && p.ready()
	})
	r.more(t, 200)
	t.Logf("PostgreSQL was killed; it is ready and tickets are sold again after %.0f s", time.Since(began).Seconds())
	r.end(t, s)
	if r.retries == 0 {
		t.Error("no buyer noticed: the database was not away")
	}
}
