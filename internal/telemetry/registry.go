// Package telemetry exposes Onsale's own metrics: the registry with which every package
// registers its metrics, the metrics of the HTTP API and of the machine, and the handler
// of GET /metrics.
//
// Other packages define their own metrics; this package has only those that belong to
// none of them.
package telemetry

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// unknown is the value of fields that the build information does not have.
const unknown = "unknown"

// The linker sets these with -X if the toolchain cannot read the repository, such as in
// the build of a container image. Empty values come from the build information.
var linkedVersion, linkedRevision, linkedDate string

// Build identifies a build of Onsale. Its fields are the labels of onsale_build_info.
// ReadBuild leaves no field empty.
type Build struct {
	// Version is the release, such as v1.2.3, or for a commit between two releases the
	// name from git describe or the Go toolchain.
	Version string
	// Revision is the full hash of the commit.
	Revision string
	// Date is the date of the commit, in UTC as RFC 3339. It is not the time of the
	// build, so that builds of the same commit are identical.
	Date string
	// GoVersion is the toolchain, such as go1.26.8.
	GoVersion string
}

// ReadBuild returns the build information that the linker or the Go toolchain wrote into
// the running binary. Without a version, as in a build of a working tree, Version is
// "dev". Any other missing field is "unknown".
func ReadBuild() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{GoVersion: runtime.Version()}
	}
	return buildOf(info, Build{Version: linkedVersion, Revision: linkedRevision, Date: linkedDate})
}

// buildOf fills the empty fields of linked from info.
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

// NewRegistry returns a registry with the standard go_* and process_* metrics and
// onsale_build_info, whose value is always 1. The set of process_* metrics depends on the
// operating system.
func NewRegistry(build Build) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "onsale_build_info",
		Help: "Version, commit and Go version of this build as labels; always 1.",
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
