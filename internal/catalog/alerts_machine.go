package catalog

import (
	"fmt"
	"strings"
	"time"
)

const (
	// watchedSeries are the names of the series that MetricsMissing watches, one
	// or two of each part that has any. Those that come and go with concerts are
	// not among them.
	watchedSeries = "cpu_usage_percent|onsale_books_difference_tickets|onsale_build_info|onsale_database_errors_total|" +
		"onsale_purchases_total|onsale_queue_depth_orders|request_duration_seconds_count"
	// presentSeries is how many of each there are. It adds up all instances, so
	// that replacing one, as every release does, is nothing that is missing.
	presentSeries = "job_series:onsale_watched:count"
)

// machine are the alerts on the processes, what they run on, and whether they
// can be seen at all.
func (r rules) machine() []Alert {
	return []Alert{
		{
			Name: "InstanceDown", Severity: Critical, For: r.fired(),
			Expr:    r.expr(`up{$job} < 1 or absent(up{$job})`),
			Summary: `{{ with $labels.instance }}Instance {{ . }}{{ else }}Every instance of {{ $labels.job }}{{ end }} is down`,
			Description: fmt.Sprintf(`{{ with $labels.instance }}{{ . }} has not answered the monitoring{{ else }}The monitoring knows of no instance{{ end }} `+
				`for %s. If no other sells, nobody can buy; in any case nobody sees what it does.`, span(r.fired())),
			Meaning: "An instance does not answer the monitoring, or there is none at all. " +
				"Either the process is gone or cannot be reached, or it lives and only its metrics do not answer.",
			Steps: []string{
				"Ask it yourself: GET /health. If that answers, it lives, and only the metrics are out; see GET /faults for a scrape outage.",
				"If it does not answer, see whether the process runs, and what its last lines in the log are.",
				"See whether the machine is reachable, and whether its memory was exhausted.",
				"Start it again; what was sold is in the database.",
				"If the instance was taken away on purpose, take it out of the scrape configuration as well.",
			},
			Provoke: Provocation{
				Faults: `{"scrape_outage":{"value":true,"for":"2m"}}`,
				Also:   "Or end the process that is watched.",
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
			Description: fmt.Sprintf(`No instance has told {{ $labels.series }} for %s, though one did within the last %s. `+
				`Alerts that read it are blind: buyers may be hurt, and nobody would be told.`, span(r.fired()), span(r.Scale(time.Hour))),
			Meaning: "Series that were there within the last hour are gone. " +
				"Alerts on series that are not there stay silent, which looks just like health. A service that never had a series is not " +
				"blamed for it, and after an hour without it the alert ends, for then it is a service that does without.",
			Steps: []string{
				"If InstanceDown fires too, begin there.",
				"Read GET /metrics and look for the series that the alert names.",
				"If it is not there, see which release went out; a series that was renamed needs its alerts and dashboards changed.",
				"If it is there, see in the monitoring whether the target is scraped, and whether its configuration drops series.",
			},
			Provoke: Provocation{Faults: `{"scrape_outage":{"value":true,"for":"2m"}}`, Fires: []string{"InstanceDown"}},
		},
		{
			Name: "HighCPU", Severity: Warning, For: r.fired(),
			Expr:    r.expr(`avg_over_time(cpu_usage_percent{$job}[24s]) > $cpu_percent`),
			Needs:   each(0, "cpu_usage_percent"),
			Summary: `CPU of {{ $labels.instance }} is at {{ $value | printf "%.0f" }} %`,
			Description: fmt.Sprintf(`The machine or container of {{ $labels.instance }} uses {{ $value | printf "%%.0f" }} %% of its CPU; `+
				`the limit is %s %%. Buyers wait longer and longer, and with more of them some are turned away.`, number(r.CPUPercent)),
			Meaning: "The processor of the machine, or the CPU limit of the container, is nearly used up. " +
				"A short peak is nothing; a minute of it means that the next buyers wait.",
			Steps: []string{
				"See on the dashboard Runtime whether it is this process (process_cpu_seconds_total) or a neighbour on the machine.",
				"See whether the request rate has grown with it: then add replicas or CPU.",
				"See at GET /faults whether the plan burns CPU.",
				"If neither, take a profile before you restart it.",
			},
			Provoke: Provocation{Faults: `{"cpu":{"share":1,"for":"2m"}}`, Fit: r.fitCPU},
		},
		{
			Name: "HighMemory", Severity: Warning, For: r.fired(),
			Expr:    r.expr(`avg_over_time(memory_usage_percent{$job}[24s]) > $memory_percent`),
			Needs:   each(0, "memory_usage_percent"),
			Summary: `Memory of {{ $labels.instance }} is at {{ $value | printf "%.0f" }} %`,
			Description: fmt.Sprintf(`The machine or container of {{ $labels.instance }} uses {{ $value | printf "%%.0f" }} %% of its memory; `+
				`the limit is %s %%. When it is full the system ends a process, and buyers in its queue get no answer.`, number(r.MemoryPercent)),
			Meaning: "The memory of the machine, or the memory limit of the container, is nearly used up. " +
				"What the system could take back, such as file caches, does not count as used.",
			Steps: []string{
				"See on the dashboard Runtime whether it is this process (process_resident_memory_bytes) or a neighbour on the machine.",
				"See whether it grows steadily, which is a leak, or with the traffic.",
				"See onsale_fault_ballast_bytes, and at GET /faults whether the plan holds memory.",
				"Give it more memory, or restart it while the queue is empty.",
			},
			Provoke: Provocation{
				Faults: fmt.Sprintf(`{"memory":{"percent":%s,"for":"2m"}}`, number(r.memoryGoal())),
				Also: "The server takes the memory that is missing, and gives back what others need; 128 MiB always stay free. " +
					"In a small container lower the threshold: --alert-memory-percent.",
				Fit: r.fitMemory,
			},
		},
	}
}
