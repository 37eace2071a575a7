// Package telemetry holds what Onsale tells Prometheus about itself: the
// registry that every package registers its metrics with, the metrics of the
// HTTP API, those of the machine, and the handler that is scraped.
//
// Packages keep their own metrics; here is only what belongs to none of them.
package telemetry

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// unknown stands for what the build does not say of itself.
const unknown = "unknown"

// Build says which Onsale this is, as labels of onsale_build_info. No field of
// a Build that ReadBuild returns is empty.
type Build struct {
	// Version is the module's version, such as v1.2.3 or a pseudo-version.
	Version string
	// Revision is the commit it was built from, in full.
	Revision string
	// GoVersion is the toolchain, such as go1.26.8.
	GoVersion string
}

// ReadBuild returns what the Go toolchain wrote into the running binary.
// A version that was not written, as in a build of a working tree, is "dev"; any
// other field that was not, "unknown".
func ReadBuild() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return buildOf(info)
}

// buildOf picks the fields of a Build out of info.
func buildOf(info *debug.BuildInfo) Build {
	b := Build{Version: info.Main.Version, Revision: unknown, GoVersion: info.GoVersion}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "dev"
	}
	if b.GoVersion == "" {
		b.GoVersion = unknown
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && setting.Value != "" {
			b.Revision = setting.Value
		}
	}
	return b
}

// NewRegistry returns a registry with the standard go_* and process_* metrics
// and onsale_build_info, whose value is always 1. What process_* holds depends
// on the operating system.
func NewRegistry(build Build) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "onsale_build_info",
		Help: "Which build of Onsale this is; always 1.",
		ConstLabels: prometheus.Labels{
			"version":   build.Version,
			"revision":  build.Revision,
			"goversion": build.GoVersion,
		},
	})
	info.Set(1)
	reg.MustRegister(
		info,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return reg
}
