package catalog

import (
	"fmt"
	"strings"
	"time"
)

const (
	// watchedSeries are the series that MetricsMissing watches: one or two of each
	// component. Series that come and go with concerts are not included.
	watchedSeries = "cpu_usage_percent|onsale_books_difference_tickets|onsale_build_info|onsale_database_errors_total|" +
		"onsale_purchases_total|onsale_queue_depth_orders|request_duration_seconds_count"
	// presentSeries counts the series of each name over all instances. So replacing
	// an instance, as every release does, does not count as missing.
	presentSeries = "job_series:onsale_watched:count"
)

// machine returns the alerts on the processes, on their machines and on the
// monitoring itself.
func (r rules) machine() []Alert {
	return []Alert{
		{
			Name: "InstanceDown", Severity: Critical, For: r.fired(),
			Expr:    r.expr(`up{$job} < 1 or absent(up{$job})`),
			Summary: `{{ with $labels.instance }}Instance {{ . }}{{ else }}Every instance of {{ $labels.job }}{{ end }} is down`,
			Description: fmt.Sprintf(`{{ with $labels.instance }}{{ . }} has not responded to scrapes{{ else }}The monitoring has found no instance{{ end }} `+
				`for %s. If no other instance is up, nobody can buy.`, span(r.fired())),
			Meaning: "An instance does not respond to scrapes, or there is no instance at all. " +
				"Either the process has stopped or is unreachable, or it runs and only its metrics page fails.",
			Steps: []string{
				"Call GET /health. If it responds, the process runs and only the metrics fail: check GET /faults for a scrape outage.",
				"If it does not respond, check whether the process runs, and read the end of its log.",
				"Check whether the machine is reachable and whether it ran out of memory.",
				"Restart the process. All sales are in the database.",
				"If somebody removed the instance on purpose, remove it from the scrape configuration too.",
			},
			Provoke: Provocation{
				Faults: `{"scrape_outage":{"value":true,"for":"2m"}}`,
				Also:   "Or stop the process.",
				Fires:  []string{"MetricsMissing"},
			},
		},
		{
			Name: "MetricsMissing", Severity: Warning, For: r.fired(),
			Expr: r.expr(`
last_over_time(` + presentSeries + `{$job}[1h])
unless
` + presentSeries + `{$job}`),
			Needs:   each(r.Scale(time.Hour), strings.Split(watchedSeries, "|")...),
			Summary: `{{ $labels.series }} is missing`,
			Description: fmt.Sprintf(`No instance has reported {{ $labels.series }} for %s, although one did within the last %s. `+
				`Alerts that read this series cannot fire: buyers may have problems, and nobody would be notified.`, span(r.fired()), span(r.Scale(time.Hour))),
			Meaning: "Series that existed within the last hour are missing. " +
				"Alerts on missing series stay silent, which looks the same as health. The alert ignores series that a service " +
				"never had. After an hour without the series, the alert resolves, because the service no longer exports it.",
			Steps: []string{
				"If InstanceDown fires too, start with that runbook.",
				"Search GET /metrics for the series that the alert names.",
				"If it is missing there, check the latest release. If the series was renamed, change its alerts and dashboards.",
				"If it exists, check in Prometheus whether the target is scraped and whether the configuration drops series.",
			},
			Provoke: Provocation{Faults: `{"scrape_outage":{"value":true,"for":"2m"}}`, Fires: []string{"InstanceDown"}},
		},
		{
			Name: "HighCPU", Severity: Warning, For: r.fired(),
			Expr:    r.expr(`avg_over_time(cpu_usage_percent{$job}[24s]) > $cpu_percent`),
			Needs:   each(0, "cpu_usage_percent"),
			Summary: `CPU of {{ $labels.instance }} is at {{ $value | printf "%.0f" }} %`,
			Description: fmt.Sprintf(`The machine or container of {{ $labels.instance }} uses {{ $value | printf "%%.0f" }} %% of its CPU; `+
				`the limit is %s %%. Response times grow, and with more traffic some buyers are turned away.`, number(r.CPUPercent)),
			Meaning: "The CPU of the machine, or the CPU limit of the container, is almost used up. " +
				"A short peak is normal. After a minute of it, more buyers will have to wait.",
			Steps: []string{
				"On the Runtime dashboard, check whether this process uses the CPU (process_cpu_seconds_total) or another process on the machine.",
				"If the request rate has grown too, add replicas or CPU.",
				"Check GET /faults: the plan may burn CPU.",
				"Otherwise, take a CPU profile before you restart the process.",
			},
			Provoke: Provocation{Faults: `{"cpu":{"share":1,"for":"2m"}}`, Fit: r.fitCPU},
		},
		{
			Name: "HighMemory", Severity: Warning, For: r.fired(),
			Expr:    r.expr(`avg_over_time(memory_usage_percent{$job}[24s]) > $memory_percent`),
			Needs:   each(0, "memory_usage_percent"),
			Summary: `Memory of {{ $labels.instance }} is at {{ $value | printf "%.0f" }} %`,
			Description: fmt.Sprintf(`The machine or container of {{ $labels.instance }} uses {{ $value | printf "%%.0f" }} %% of its memory; `+
				`the limit is %s %%. When memory runs out, the operating system kills a process, and buyers in its queue get no response.`, number(r.MemoryPercent)),
			Meaning: "The memory of the machine, or the memory limit of the container, is almost used up. " +
				"Memory that the system can reclaim, such as file caches, does not count as used.",
			Steps: []string{
				"On the Runtime dashboard, check whether this process uses the memory (process_resident_memory_bytes) or another process on the machine.",
				"Check whether it grows steadily, which means a leak, or with the traffic.",
				"Check onsale_fault_ballast_bytes and GET /faults: the plan may occupy memory.",
				"Add memory, or restart the process while the queue is empty.",
			},
			Provoke: Provocation{
				Faults: fmt.Sprintf(`{"memory":{"percent":%s,"for":"2m"}}`, number(r.memoryGoal())),
				Also: "The server allocates the missing memory, and releases it when other processes need it; 128 MiB always stay free. " +
					"In a small container, lower the threshold with --alert-memory-percent.",
				Fit: r.fitMemory,
			},
		},
	}
}
