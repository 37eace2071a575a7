package kubernetes_test

import (
	"fmt"
	"io"
	"log"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// TestMain silences Helm, which warns of values that tests get wrong on purpose.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	m.Run()
}

// chartDir is the directory of the chart.
var chartDir = filepath.Join(deploy, "helm", "onsale")

// object is an object of Kubernetes as YAML has it, or a map of values.
type object = map[string]any

// loadChart reads the chart, as Helm does.
func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rendered is what the chart makes.
type rendered struct {
	objects []object // of the release
	tests   []object // of `helm test`
	notes   string
}

// text returns all objects in YAML, as kubectl reads them.
func (r rendered) text(t *testing.T) string {
	t.Helper()
	var documents []string
	for _, o := range append(slices.Clone(r.objects), r.tests...) {
		documents = append(documents, asYAML(t, o))
	}
	return strings.Join(documents, "\n---\n")
}

// renderWith renders a chart into the namespace onsale, by an engine that has a cluster or not.
func renderWith(
	t *testing.T, c *chart.Chart, values object, render func(*chart.Chart, common.Values) (map[string]string, error),
) (r rendered, err error) {
	t.Helper()
	release := common.ReleaseOptions{Name: "shop", Namespace: "onsale", IsInstall: true, Revision: 1}
	all, err := util.ToRenderValues(c, values, release, common.DefaultCapabilities)
	if err != nil {
		return r, err
	}
	files, err := render(c, all)
	if err != nil {
		return r, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, "NOTES.txt") {
			r.notes = files[name]
			continue
		}
		for document := range strings.SplitSeq(files[name], "\n---\n") {
			var o object
			if err := yaml.UnmarshalStrict([]byte(document), &o); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch {
			case o == nil: // a comment
			case at(o, "metadata", "annotations", "helm.sh/hook") == "test":
				r.tests = append(r.tests, o)
			default:
				r.objects = append(r.objects, o)
			}
		}
	}
	return r, nil
}

// withoutCluster renders as `helm template` does.
func withoutCluster(c *chart.Chart, values common.Values) (map[string]string, error) {
	return engine.Render(c, values)
}

// renderChart renders the chart as `helm template` does, with values such as "replicas=2".
func renderChart(t *testing.T, values ...string) rendered {
	t.Helper()
	r, err := renderWith(t, loadChart(t), parseValues(t, values...), withoutCluster)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// parseValues reads PATH=YAML.
func parseValues(t *testing.T, pairs ...string) object {
	t.Helper()
	values := object{}
	for _, pair := range pairs {
		path, text, _ := strings.Cut(pair, "=")
		var value any
		if err := yaml.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
		put(values, value, strings.Split(path, ".")...)
	}
	return values
}

// at returns the value at a path, nil if there is none.
func at(o any, path ...string) any {
	for _, key := range path {
		inner, _ := o.(object)
		o = inner[key]
	}
	return o
}

// put sets the value at a path.
func put(o object, value any, path ...string) {
	for _, key := range path[:len(path)-1] {
		inner, _ := o[key].(object)
		if inner == nil {
			inner = object{}
			o[key] = inner
		}
		o = inner
	}
	o[path[len(path)-1]] = value
}

// title names an object.
func title(o object) string { return fmt.Sprintf("%v/%v", o["kind"], at(o, "metadata", "name")) }

// Helm's own linter finds nothing but that there is no icon.
func TestChartPassesTheLinter(t *testing.T) {
	t.Parallel()
	for _, m := range lint.RunAll(chartDir, nil, "onsale").Messages {
		if m.Severity > support.InfoSev {
			t.Error(m)
		}
	}
}

// switches are the values that add or remove objects.
var switches = []string{
	"autoscaling.enabled=true", "networkPolicy.enabled=true", "operator.enabled=true", "monitoring.enabled=false", "grafana.enabled=false",
}

// userSecret is a Secret that the user makes, in YAML.
func userSecret(t *testing.T, name string, keys ...string) string {
	t.Helper()
	data := object{}
	for _, key := range keys {
		data[key] = "eA=="
	}
	return "\n---\n" + asYAML(t, object{"apiVersion": "v1", "kind": "Secret", "data": data, "metadata": object{
		"name": name, "namespace": "onsale", "labels": object{"app.kubernetes.io/part-of": "onsale"},
	}})
}

// Every combination of switches gives objects that pass what the overlays pass.
func TestChartIsRight(t *testing.T) {
	t.Parallel()
	for bits := range 1 << len(switches) {
		var values []string
		for i, s := range switches {
			if bits>>i&1 == 1 {
				values = append(values, s)
			}
		}
		t.Run(strings.Join(values, ","), func(t *testing.T) {
			t.Parallel()
			if slices.Contains(values, switches[0]) {
				values = append(values, "podDisruptionBudget.enabled=true", "topologySpread.enabled=true")
			}
			r := renderChart(t, values...)
			text := r.text(t) + userSecret(t, "onsale", "DATABASE_URL", "ONSALE_ADMIN_TOKEN")
			if !slices.Contains(values, "monitoring.enabled=false") {
				text += userSecret(t, "receiver", "ONSALE_ADMIN_TOKEN")
				if !slices.Contains(values, "grafana.enabled=false") {
					text += userSecret(t, "grafana", "GF_SECURITY_ADMIN_PASSWORD")
				}
			}
			for _, wrong := range check(t, text) {
				// Helm's ConfigMaps keep their names: a checksum in the pod makes a change roll out.
				if !strings.Contains(wrong, "has no hash in its name") {
					t.Error(wrong)
				}
			}
			if slices.Contains(values, "networkPolicy.enabled=true") {
				d, _ := decode(t, text)
				for _, p := range d.pods {
					if !slices.ContainsFunc(d.policies, func(n *networkingv1.NetworkPolicy) bool {
						selector := labels.SelectorFromSet(n.Spec.PodSelector.MatchLabels)
						return !selector.Empty() && selector.Matches(labels.Set(p.meta.Labels))
					}) {
						t.Errorf("%s has no NetworkPolicy of its own", p.of)
					}
				}
			}
			if len(r.tests) != 1 || !strings.Contains(r.notes, "helm -n onsale test shop") {
				t.Errorf("there are %d objects of the test, and the notes say:\n%s", len(r.tests), r.notes)
			}
			if strings.Contains(text, "<no value>") {
				t.Error("a template reads a value that is not there")
			}
		})
	}
}
