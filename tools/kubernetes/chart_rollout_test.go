package kubernetes_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// podTemplates are those of a rendered chart, by what makes pods of them.
func podTemplates(t *testing.T, c *chart.Chart, values ...string) map[string]string {
	t.Helper()
	r, err := renderWith(t, c, parseValues(t, values...), withoutCluster)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for _, o := range r.objects {
		if pod := at(o, "spec", "template"); pod != nil {
			found[title(o)] = asYAML(t, pod)
		}
	}
	return found
}

// changed are the keys whose values differ.
func changed(a, b map[string]string) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if a[key] != b[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

// A changed setting or file replaces the pods that read it, and no others.
func TestAChangeOfTheChartRollsOut(t *testing.T) {
	t.Parallel()
	before := podTemplates(t, loadChart(t))
	if len(before) != 5 {
		t.Fatalf("there are %d pod templates", len(before))
	}
	if got := changed(before, podTemplates(t, loadChart(t), "settings.ONSALE_DRAIN_DELAY=6s")); !slices.Equal(got, []string{"Deployment/onsale"}) {
		t.Errorf("a setting replaces %q", got)
	}
	seen := 0
	for _, f := range loadChart(t).Files {
		directory, rest, _ := strings.Cut(strings.TrimPrefix(f.Name, "files/"), "/")
		if rest == "" {
			continue // not one of a ConfigMap
		}
		c := loadChart(t)
		for _, other := range c.Files {
			if other.Name == f.Name {
				other.Data = append(other.Data, '\n')
			}
		}
		seen++
		if got := changed(before, podTemplates(t, c)); !slices.Equal(got, []string{"StatefulSet/" + directory}) {
			t.Errorf("%s replaces %q", f.Name, got)
		}
	}
	if seen < 8 {
		t.Errorf("only %d files were changed", seen)
	}
}

// Another version of the chart, release or image of the same content replaces no pod that need not be.
func TestAnotherChartVersionReplacesNoPod(t *testing.T) {
	t.Parallel()
	c := loadChart(t)
	before := podTemplates(t, c)
	c.Metadata.Version = "9.9.9"
	if got := changed(before, podTemplates(t, c)); len(got) > 0 {
		t.Errorf("it replaces %q", got)
	}
	c.Metadata.AppVersion = "v9"
	if got := changed(before, podTemplates(t, c)); !slices.Equal(got, []string{"Deployment/onsale", "StatefulSet/receiver"}) {
		t.Errorf("another version of Onsale replaces %q", got)
	}
}
