// Package telemetry holds what Onsale tells Prometheus about itself: the
// registry that every package registers its metrics with, the metrics of the
// HTTP API, those of the machine, and the handler that is scraped.
//
// Packages keep their own metrics; here is only what belongs to none of them.
package telemetry

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// unknown stands for what the build does not say of itself.
const unknown = "unknown"

// The linker sets these with -X where the toolchain sees no repository, such as in the
// build of a container image. What it leaves empty is read from the build information.
var linkedVersion, linkedRevision, linkedDate string

// Build says which Onsale this is, as labels of onsale_build_info. No field of
// a Build that ReadBuild returns is empty.
type Build struct {
	// Version is the release, such as v1.2.3, or what git describe or the Go toolchain
	// calls a commit between two releases.
	Version string
	// Revision is the commit it was built from, in full.
	Revision string
	// Date is when that commit was made, in UTC as RFC 3339. It is not the time of the
	// build, so that two builds of one commit are equal.
	Date string
	// GoVersion is the toolchain, such as go1.26.8.
	GoVersion string
}

// ReadBuild returns what the linker or the Go toolchain wrote into the running binary.
// A version that was not written, as in a build of a working tree, is "dev"; any
// other field that was not, "unknown".
func ReadBuild() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return buildOf(info, Build{Version: linkedVersion, Revision: linkedRevision, Date: linkedDate})
}

// buildOf fills in the empty fields of what was linked from info.
func buildOf(info *debug.BuildInfo, linked Build) Build {
	settings := make(map[string]string, len(info.Settings))
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	return Build{
		Version:   cmp.Or(linked.Version, strings.TrimPrefix(info.Main.Version, "(devel)"), "dev"),
		Revision:  cmp.Or(linked.Revision, settings["vcs.revision"], unknown),
		Date:      cmp.Or(linked.Date, settings["vcs.time"], unknown),
		GoVersion: cmp.Or(info.GoVersion, unknown),
	}
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
			"date":      build.Date,
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
