package kubernetes_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"sigs.k8s.io/yaml"
)

// refusal is what Helm says of values, and nothing if it accepts them.
func refusal(t *testing.T, c *chart.Chart, values object) string {
	t.Helper()
	all, err := util.CoalesceValues(c, values)
	if err != nil {
		t.Fatal(err)
	}
	if err := util.ValidateAgainstSchema(c, all); err != nil {
		return err.Error()
	}
	return ""
}

// everyValue calls back with the path of each value and map of values.
func everyValue(values object, visit func(path []string, value any), above ...string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		path := append(slices.Clone(above), key)
		visit(path, values[key])
		if inner, ok := values[key].(object); ok {
			everyValue(inner, visit, path...)
		}
	}
}

// free are the maps in which names are the user's, and amounts those of which each may be left out.
func free(path []string) bool {
	return slices.ContainsFunc([]string{"settings", "annotations", "labels"}, func(name string) bool { return path[len(path)-1] == name })
}

func amounts(path []string) bool {
	return slices.ContainsFunc([]string{"requests", "limits"}, func(name string) bool { return path[len(path)-1] == name })
}

// A value that is mistyped, missing or of another type is an error that names it, each value of the chart.
func TestChartRefusesEveryMistake(t *testing.T) {
	t.Parallel()
	c := loadChart(t)
	if wrong := refusal(t, c, nil); wrong != "" {
		t.Fatal(wrong)
	}
	seen := 0
	try := func(path []string, value any, want ...string) {
		t.Helper()
		seen++
		values := object{}
		put(values, value, path...)
		got := refusal(t, c, values)
		for _, part := range want {
			if !strings.Contains(got, part) {
				t.Errorf("%s=%v: want an error with %q, got %q", strings.Join(path, "."), value, part, got)
			}
		}
	}
	try([]string{"replica"}, 2, "'replica' not allowed")
	everyValue(c.Values, func(path []string, value any) {
		where := "/" + strings.Join(path, "/")
		above := path[:len(path)-1]
		if len(above) == 0 || !free(above) && !amounts(above) {
			try(path, nil, "missing property '"+path[len(path)-1]+"'", "at '"+strings.TrimSuffix("/"+strings.Join(above, "/"), "/")+"'")
		}
		switch value.(type) {
		case object:
			try(path, "text", "at '"+where+"'", "got string")
			if !free(path) {
				try(append(slices.Clone(path), "mistyped"), "x", "at '"+where+"'", "'mistyped' not allowed")
			}
		case bool, float64, int64:
			try(path, "text", "at '"+where+"'")
		default:
			try(path, object{"a": "b"}, "at '"+where+"'")
		}
	})
	if seen < 150 {
		t.Errorf("only %d mistakes were tried", seen)
	}
}

func TestChartRefuses(t *testing.T) {
	t.Parallel()
	c := loadChart(t)
	for value, want := range map[string]string{
		"image.tag=1234567":                          "at '/image/tag': got number, want string",
		"image.tag=a b":                              "/image/tag",
		"image.repository=Onsale":                    "/image/repository",
		"replicas=0":                                 "/replicas",
		"replicas=1.5":                               "/replicas",
		"database.existingSecret=''":                 "/database/existingSecret",
		"database.existingSecret=My_Secret":          "/database/existingSecret",
		"database.url=postgres://a:b@c/d":            "'url' not allowed",
		"admin.token=0123456789abcdef":               "'token' not allowed",
		"receiver.discordURL=https://example.com":    "'discordURL' not allowed",
		"settings.DATABASE_URL=postgres://a:b@c/d":   "'DATABASE_URL' not allowed",
		"settings.ONSALE_ADMIN_TOKEN=0123456789abcd": "/settings/ONSALE_ADMIN_TOKEN",
		"settings.ONSALE_LISTEN=:9000":               "/settings/ONSALE_LISTEN",
		"settings.onsale_drain_delay=5s":             "'onsale_drain_delay' not allowed",
		"settings.ONSALE_DRAIN_DELAY={a: b}":         "/settings/ONSALE_DRAIN_DELAY",
		"resources.limits.memory=512MB":              "/resources/limits/memory",
		"resources.limits.memory=0":                  "/resources/limits/memory",
		"resources.limits.mem=512Mi":                 "'mem' not allowed",
		"prometheus.storage.size=8 GB":               "/prometheus/storage/size",
		"prometheus.storage.className=Fast":          "/prometheus/storage/className",
		"prometheus.retention.time=15 days":          "/prometheus/retention/time",
		"grafana.image.tag=''":                       "/grafana/image/tag",
		"service.type=ExternalName":                  "'ClusterIP', 'NodePort', 'LoadBalancer'",
		"service.annotations.a=1":                    "/service/annotations/a",
		"networkPolicy.databasePorts=[]":             "/networkPolicy/databasePorts",
		"networkPolicy.databasePorts=[99999]":        "/networkPolicy/databasePorts/0",
		"imagePullSecrets=[registry]":                "/imagePullSecrets/0",
		"autoscaling.enabled=yes please":             "/autoscaling/enabled",
	} {
		if got := refusal(t, c, parseValues(t, value)); !strings.Contains(got, want) {
			t.Errorf("%s: want an error with %q, got %q", value, want, got)
		}
	}
	_, err := renderWith(t, c, parseValues(t, "autoscaling.enabled=true", "autoscaling.minReplicas=7"), withoutCluster)
	if err == nil || !strings.Contains(err.Error(), "autoscaling.maxReplicas is 6; it must be at least") {
		t.Errorf("a range from 7 to 6 replicas: %v", err)
	}
}

// withoutDashboards leaves out what takes most of the time.
func withoutDashboards(c *chart.Chart) *chart.Chart {
	c.Files = slices.DeleteFunc(c.Files, func(f *common.File) bool { return strings.HasSuffix(f.Name, ".json") })
	return c
}

// Each value does something: another one gives other objects, in which it is found.
func TestEveryValueOfTheChartIsUsed(t *testing.T) {
	t.Parallel()
	c := withoutDashboards(loadChart(t))
	render := func(values ...string) string {
		r, err := renderWith(t, c, parseValues(t, values...), withoutCluster)
		if err != nil {
			t.Fatal(err)
		}
		return r.text(t)
	}
	// Values that are not found as they are written, and what is found for them. An empty text looks for a difference alone.
	others := map[string][2]string{
		"image.repository":              {"example.com/shop/onsale", "example.com/shop/onsale:dev"},
		"image.tag":                     {"v9", "onsale:v9"},
		"imagePullSecrets":              {"[{name: registry}]", "name: registry"},
		"database.existingSecret":       {"db", "name: db"},
		"database.secretKey":            {"uri", "key: uri"},
		"admin.existingSecret":          {"tokens", "secretName: tokens"},
		"admin.secretKey":               {"token", "key: token"},
		"replicas":                      {"5", "replicas: 5"},
		"settings":                      {"{ONSALE_DATABASE_CONNECTIONS: 2000000, GOGC: '50', ONSALE_X: true}", `ONSALE_DATABASE_CONNECTIONS: "2000000"`},
		"terminationGracePeriodSeconds": {"90", "terminationGracePeriodSeconds: 90"},
		"service.type":                  {"LoadBalancer", "type: LoadBalancer"},
		"service.annotations":           {"{a.example/b: c}", "a.example/b: c"},
		"autoscaling.enabled":           {"true", "HorizontalPodAutoscaler"},
		"autoscaling.minReplicas":       {"4", "minReplicas: 4"},
		"autoscaling.maxReplicas":       {"9", "maxReplicas: 9"},
		"autoscaling.averageCPU":        {"700m", "averageValue: 700m"},
		"podDisruptionBudget.enabled":   {"true", "PodDisruptionBudget"},
		"topologySpread.enabled":        {"true", "topologySpreadConstraints"},
		"networkPolicy.enabled":         {"true", "NetworkPolicy"},
		"networkPolicy.databasePorts":   {"[15432]", "port: 15432"},
		"monitoring.enabled":            {"false", ""},
		"prometheus.image.repository":   {"mirror.example.com/prometheus", "mirror.example.com/prometheus:v"},
		"prometheus.image.tag":          {"v9", "prometheus:v9"},
		"prometheus.retention.time":     {"3d", "retention.time=3d"},
		"prometheus.retention.size":     {"2GB", "retention.size=2GB"},
		"alertmanager.image.repository": {"mirror.example.com/alertmanager", "mirror.example.com/alertmanager:v"},
		"alertmanager.image.tag":        {"v9", "alertmanager:v9"},
		"receiver.existingSecret":       {"inbox", "secretName: inbox"},
		"grafana.enabled":               {"false", ""},
		"grafana.image.repository":      {"mirror.example.com/grafana", "mirror.example.com/grafana:"},
		"grafana.image.tag":             {"9.9.9", "grafana:9.9.9"},
		"grafana.existingSecret":        {"login", "name: login"},
		"grafana.service.type":          {"NodePort", "type: NodePort"},
		"grafana.service.annotations":   {"{a.example/g: c}", "a.example/g: c"},
		"operator.enabled":              {"true", "PrometheusRule"},
		"operator.labels":               {"{release: stack}", "release: stack"},
		"operator.prometheus":           {"prometheus.example", "externalName: prometheus.example"},
	}
	needed := map[string]string{ // switches without which a value is not used
		"autoscaling": "autoscaling.enabled=true", "networkPolicy": "networkPolicy.enabled=true", "operator": "operator.enabled=true",
	}
	everyValue(c.Values, func(path []string, value any) {
		name, last := strings.Join(path, "."), path[len(path)-1]
		other, listed := others[name]
		_, inner := value.(object)
		switch {
		case name == "checkSecrets", inner && !listed, path[0] == "settings" && len(path) > 1: // another test, or tested whole
			return
		case listed:
		case last == "cpu":
			other = [2]string{"123m", "cpu: 123m"}
		case last == "memory":
			other = [2]string{"345Mi", "memory: 345Mi"}
		case last == "size":
			other = [2]string{"77Gi", "storage: 77Gi"}
		case last == "className":
			other = [2]string{"fast", "storageClassName: fast"}
		default:
			t.Fatalf("no other value of %s is tried", name)
		}
		var base []string
		if on := needed[path[0]]; on != "" && last != "enabled" {
			base = append(base, on)
		}
		before := render(base...)
		after := render(append(base, name+"="+other[0])...)
		if before == after || strings.Contains(before, other[1]) && other[1] != "" || !strings.Contains(after, other[1]) {
			t.Errorf("%s=%s changes nothing, or %q is not found: %t", name, other[0], other[1], before == after)
		}
	})
}

// A team has the chart as a dependency, with values below its name and global ones.
func TestChartAsADependency(t *testing.T) {
	t.Parallel()
	above := &chart.Chart{Metadata: &chart.Metadata{APIVersion: "v2", Name: "shop", Version: "1.0.0"}}
	above.AddDependency(loadChart(t))
	r, err := renderWith(t, above, parseValues(t, "global.team=red", "onsale.replicas=5"), withoutCluster)
	if err != nil || !strings.Contains(r.text(t), "replicas: 5") {
		t.Errorf("%d objects: %v", len(r.objects), err)
	}
	if _, err := renderWith(t, above, parseValues(t, "onsale.replica=5"), withoutCluster); err == nil || !strings.Contains(err.Error(), "'replica' not allowed") {
		t.Errorf("a mistyped value: %v", err)
	}
}

// The values in docs/helm.md exist.
func TestDocumentedValuesExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/helm.md")
	if err != nil {
		t.Fatal(err)
	}
	c := loadChart(t)
	seen := 0
	for _, found := range regexp.MustCompile("`([a-z]+(?:\\.[A-Za-z]+)+|imagePullSecrets|checkSecrets|replicas|resources|settings)`|--set(?:-string)? ([A-Za-z.]+)=").FindAllSubmatch(page, -1) {
		name := string(found[1]) + string(found[2])
		if strings.HasPrefix(name, "values.") {
			continue
		}
		seen++
		if path := strings.Split(name, "."); at(c.Values, path...) == nil {
			t.Errorf("docs/helm.md names the value %s, which the chart does not have", name)
		}
	}
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1) {
		var values object
		if err := yaml.Unmarshal(block[1], &values); err != nil {
			t.Fatal(err)
		}
		seen++
		if wrong := refusal(t, c, values); wrong != "" {
			t.Errorf("docs/helm.md has values that are refused: %s", wrong)
		}
	}
	if seen < 25 {
		t.Errorf("docs/helm.md names %d values", seen)
	}
}
