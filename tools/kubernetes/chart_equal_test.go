package kubernetes_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// The chart makes the objects of the base, and with its switches those of the base with
// components. What may differ is in ofKustomize and ofHelm, and nothing else.
func TestChartEqualsTheBase(t *testing.T) {
	t.Parallel()
	parts := []struct {
		component string
		values    []string
	}{
		{"autoscaling", []string{"autoscaling.enabled=true", "podDisruptionBudget.enabled=true", "topologySpread.enabled=true"}},
		{"networkpolicy", []string{"networkPolicy.enabled=true"}},
		{"operator", []string{"operator.enabled=true"}},
	}
	for bits := range 1 << len(parts) {
		var components, values []string
		for i, p := range parts {
			if bits>>i&1 == 1 {
				components = append(components, p.component)
				values = append(values, p.values...)
			}
		}
		t.Run("base "+strings.Join(components, "+"), func(t *testing.T) {
			t.Parallel()
			want := ofKustomize(t, components)
			for _, wrong := range differences(ofHelm(t, renderChart(t, values...)), want) {
				t.Error(wrong)
			}
			if len(want) < 15 {
				t.Errorf("the base has %d objects", len(want))
			}
		})
	}
}

// What differs from the base is found.
func TestDifferencesFromTheBaseAreFound(t *testing.T) {
	t.Parallel()
	base := ofKustomize(t, nil)
	for value, want := range map[string]string{
		"replicas=4":                       "Deployment/onsale differs",
		"settings.GOMEMLIMIT=1MiB":         "ConfigMap/onsale differs",
		"service.type=LoadBalancer":        "Service/onsale differs",
		"prometheus.storage.size=9Gi":      "StatefulSet/prometheus differs",
		"grafana.enabled=false":            "the chart lacks ConfigMap/grafana-dashboards",
		"podDisruptionBudget.enabled=true": "the chart has PodDisruptionBudget/onsale",
	} {
		if wrong := strings.Join(differences(ofHelm(t, renderChart(t, value)), base), "\n"); !strings.Contains(wrong, want) {
			t.Errorf("%s: want %q, got %s", value, want, wrong)
		}
	}
}

// differences returns how the chart's objects differ from the base's, one text for each.
func differences(got, want map[string]string) (all []string) {
	for name := range want {
		if _, there := got[name]; !there {
			all = append(all, "the chart lacks "+name)
		} else if got[name] != want[name] {
			all = append(all, name+" differs: "+difference(got[name], want[name]))
		}
	}
	for name := range got {
		if _, there := want[name]; !there {
			all = append(all, "the chart has "+name+", and the base does not")
		}
	}
	return all
}

// difference shows the first lines that differ.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "the chart has\n" + strings.Join(a[max(0, i-3):min(len(a), i+4)], "\n") +
				"\nand the base has\n" + strings.Join(b[max(0, i-3):min(len(b), i+4)], "\n")
		}
	}
	return "one is longer"
}

// ofKustomize renders the base with components into the namespace onsale, and returns the objects
// by their titles. The Namespace is left out, which the user of Helm makes, and so are the
// hashes in the names of ConfigMaps.
func ofKustomize(t *testing.T, components []string) map[string]string {
	t.Helper()
	overlay := filepath.Join(checkout(t), "kubernetes", "overlays", "chart")
	if err := os.Mkdir(overlay, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(overlay, "kustomization.yaml")
	if err := os.WriteFile(file, []byte("namespace: onsale\nresources: [../../base]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	addComponents(t, overlay, components)
	found := make(map[string]string)
	var all []object
	hashed := make(map[string]string)
	for document := range strings.SplitSeq(build(t, overlay), "\n---\n") {
		var o object
		if err := yaml.UnmarshalStrict([]byte(document), &o); err != nil {
			t.Fatal(err)
		}
		if name, _ := at(o, "metadata", "name").(string); o["kind"] == "ConfigMap" {
			hashed[name] = hash.ReplaceAllString(name, "")
		}
		if o["kind"] != "Namespace" {
			all = append(all, o)
		}
	}
	for _, o := range all {
		replaceTexts(o, hashed)
		found[title(o)] = asYAML(t, o)
	}
	return found
}

// replaceTexts replaces texts anywhere in a value.
func replaceTexts(value any, with map[string]string) any {
	switch v := value.(type) {
	case object:
		for key, inner := range v {
			v[key] = replaceTexts(inner, with)
		}
	case []any:
		for i, inner := range v {
			v[i] = replaceTexts(inner, with)
		}
	case string:
		if other, found := with[v]; found {
			return other
		}
	}
	return value
}

// ofHelm returns the objects of the chart by their titles. The labels that say that Helm made an
// object are left out, after a look at them, and so is the checksum of pods that read a ConfigMap. The base has no
// policy for the pod of `helm test`.
func ofHelm(t *testing.T, r rendered) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for _, o := range r.objects {
		labels, _ := at(o, "metadata", "labels").(object)
		for name, want := range map[string]string{
			"app.kubernetes.io/instance": "shop", "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": "onsale-0.1.0",
		} {
			if labels[name] != want {
				t.Errorf("%s has the label %s=%v, want %s", title(o), name, labels[name], want)
			}
			delete(labels, name)
		}
		if pod, _ := at(o, "spec", "template").(object); pod != nil {
			reads := strings.Contains(asYAML(t, pod), "configMap")
			sum, _ := at(pod, "metadata", "annotations", "checksum/config").(string)
			if reads != (len(sum) == 64) {
				t.Errorf("%s reads ConfigMaps: %t, and has the checksum %q", title(o), reads, sum)
			}
			annotations, _ := at(pod, "metadata", "annotations").(object)
			if delete(annotations, "checksum/config"); len(annotations) == 0 {
				delete(at(pod, "metadata").(object), "annotations")
			}
		}
		if title(o) != "NetworkPolicy/onsale-test" {
			found[title(o)] = asYAML(t, o)
		}
	}
	return found
}

func asYAML(t *testing.T, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
