package prom

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	api_v1 "github.com/prometheus/prometheus/web/api/v1"

	"onsale/internal/monitor/turnstile"
)

// about is what the API reports about the server.
type about struct {
	started time.Time
	flags   map[string]string
	// retention is the limits on time and size, such as "7d or 1000000000B".
	retention string
}

func newAbout(o Options) about {
	a := about{started: time.Now().UTC(), flags: map[string]string{
		"query.lookback-delta":        model.Duration(o.LookbackDelta).String(),
		"query.max-concurrency":       strconv.Itoa(turnstile.AtOnce),
		"query.max-samples":           strconv.Itoa(maxSamples),
		"query.timeout":               model.Duration(queryTimeout).String(),
		"rules.alert.resend-delay":    model.Duration(o.ResendDelay).String(),
		"storage.tsdb.retention.size": strconv.FormatInt(o.RetentionSize, 10) + "B",
		"storage.tsdb.retention.time": model.Duration(o.RetentionTime).String(),
		"web.external-url":            o.ExternalURL,
	}}
	var limits []string
	if o.RetentionTime > 0 {
		limits = append(limits, a.flags["storage.tsdb.retention.time"])
	}
	if o.RetentionSize > 0 {
		limits = append(limits, a.flags["storage.tsdb.retention.size"])
	}
	a.retention = strings.Join(limits, " or ")
	return a
}

func (a about) runtimeInfo() (api_v1.RuntimeInfo, error) {
	host, err := os.Hostname()
	if err != nil {
		return api_v1.RuntimeInfo{}, fmt.Errorf("read host name: %w", err)
	}
	gc := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(gc)
	return api_v1.RuntimeInfo{
		StartTime:           a.started,
		Hostname:            host,
		ServerTime:          time.Now().UTC(),
		ReloadConfigSuccess: true,
		LastConfigTime:      a.started,
		GoroutineCount:      runtime.NumGoroutine(),
		GOMAXPROCS:          runtime.GOMAXPROCS(0),
		GOMEMLIMIT:          debug.SetMemoryLimit(-1),
		GOGC:                strconv.FormatUint(gc[0].Value.Uint64(), 10),
		StorageRetention:    a.retention,
	}, nil
}

// version returns the version of the library. Prometheus 3.15.0 is module version
// v0.315.0.
func (about) version() *api_v1.PrometheusVersion {
	v := &api_v1.PrometheusVersion{Version: oldestVersion, GoVersion: runtime.Version()}
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return v
	}
	for _, dep := range info.Deps {
		var minor, patch int
		if dep.Path != "github.com/prometheus/prometheus" {
			continue
		} else if _, err := fmt.Sscanf(dep.Version, "v0.%d.%d", &minor, &patch); err == nil {
			v.Version = fmt.Sprintf("%d.%d.%d", minor/100, minor%100, patch)
			v.Revision = dep.Version
		}
	}
	return v
}

// oldestVersion is reported if the binary has no build information. Clients use the
// version to decide which features they can use.
const oldestVersion = "3.0.0"
