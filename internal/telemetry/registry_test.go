package telemetry_test

import (
	"log/slog"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"

	"onsale/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testBuild returns the build information of the tests.
func testBuild() telemetry.Build {
	return telemetry.Build{Version: "v1.2.3", Revision: "0123abc", Date: "2026-11-28T10:12:04Z", GoVersion: "go1.26"}
}

// quiet returns a logger that discards everything.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// gather returns the metric families of reg by name.
func gather(t *testing.T, reg prometheus.Gatherer) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	byName := make(map[string]*dto.MetricFamily)
	for _, f := range families {
		byName[f.GetName()] = f
	}
	return byName
}

func TestRegistryHasBuildAndStandardMetrics(t *testing.T) {
	t.Parallel()
	reg := telemetry.NewRegistry(testBuild())

	want := `
# HELP onsale_build_info Version, commit and Go version of this build as labels; always 1.
# TYPE onsale_build_info gauge
onsale_build_info{date="2026-11-28T10:12:04Z",goversion="go1.26",revision="0123abc",version="v1.2.3"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "onsale_build_info"); err != nil {
		t.Error(err)
	}
	families := gather(t, reg)
	names := []string{"go_goroutines", "go_info", "go_memstats_alloc_bytes"}
	if runtime.GOOS == "linux" || runtime.GOOS == "windows" {
		names = append(names, "process_cpu_seconds_total", "process_resident_memory_bytes")
	}
	for _, name := range names {
		if families[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

func TestBuildOf(t *testing.T) {
	t.Parallel()
	release := debug.BuildInfo{
		GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{
			{Key: "vcs", Value: "git"},
			{Key: "vcs.revision", Value: "0123abc"},
			{Key: "vcs.time", Value: "2026-11-28T10:12:04Z"},
		},
	}
	linked := telemetry.Build{Version: "v2.0.0", Revision: "4567def", Date: "2026-12-01T00:00:00Z"}
	for _, c := range []struct {
		name   string
		info   debug.BuildInfo
		linked telemetry.Build
		want   telemetry.Build
	}{
		{
			"a build in a repository", release,
			telemetry.Build{},
			telemetry.Build{Version: "v1.2.3", Revision: "0123abc", Date: "2026-11-28T10:12:04Z", GoVersion: "go1.26.8"},
		},
		{
			"a build without a version",
			debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "(devel)"}, Settings: release.Settings},
			telemetry.Build{},
			telemetry.Build{Version: "dev", Revision: "0123abc", Date: "2026-11-28T10:12:04Z", GoVersion: "go1.26.8"},
		},
		{
			"a build without a repository, but with the linker's flags",
			debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "(devel)"}},
			linked,
			telemetry.Build{Version: "v2.0.0", Revision: "4567def", Date: "2026-12-01T00:00:00Z", GoVersion: "go1.26.8"},
		},
		{
			"both: the linker's flags take precedence", release, linked,
			telemetry.Build{Version: "v2.0.0", Revision: "4567def", Date: "2026-12-01T00:00:00Z", GoVersion: "go1.26.8"},
		},
		{
			"some of both", release,
			telemetry.Build{Version: "v2.0.0"},
			telemetry.Build{Version: "v2.0.0", Revision: "0123abc", Date: "2026-11-28T10:12:04Z", GoVersion: "go1.26.8"},
		},
		{
			"nothing known",
			debug.BuildInfo{},
			telemetry.Build{},
			telemetry.Build{Version: "dev", Revision: "unknown", Date: "unknown", GoVersion: "unknown"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := telemetry.BuildOf(&c.info, c.linked); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestReadBuildLeavesNoFieldEmpty(t *testing.T) {
	t.Parallel()
	b := telemetry.ReadBuild()
	if b.Version == "" || b.Revision == "" || b.Date == "" || b.GoVersion != runtime.Version() {
		t.Errorf("got %+v, want no empty field and %s", b, runtime.Version())
	}
}

// lintExceptions returns the metrics whose names break Prometheus's rules.
func lintExceptions() []string {
	return []string{
		// The dashboards and alerts of the earlier service read these names.
		"memory_usage_percent",
		"cpu_usage_percent",
	}
}

func TestNamesFollowPrometheusRules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reg := telemetry.NewRegistry(testBuild())
		telemetry.Handler(reg, quiet())
		telemetry.NewHTTP(reg, testRoutes()).Observe("GET", "/concerts", 200, 0.01)
		w := newWorld(nil)
		w.start(t, reg)
		w.second(0)
		if families := gather(t, reg); families["cpu_usage_percent"] == nil {
			t.Fatal("cpu_usage_percent is missing, so it cannot be linted")
		}

		problems, err := testutil.GatherAndLint(reg)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			if !slices.Contains(lintExceptions(), p.Metric) {
				t.Errorf("%s: %s", p.Metric, p.Text)
			}
		}
	})
}
