package catalog

// runtime is the dashboard of the processes themselves.
func runtime() Dashboard {
	return Dashboard{
		Name:        "runtime",
		Title:       "Runtime",
		Description: "Are the processes well: memory, CPU, files, the Go runtime, and the scraping of it all?",
		Rows: []Row{
			{Panels: runtimeTiles()},
			{Title: "Process", Panels: processPanels()},
			{Title: "Go", Panels: goPanels()},
			{Title: "Scraping", Panels: scrapePanels()},
		},
	}
}

func runtimeTiles() []Panel {
	return []Panel{
		{
			Title:       "Running for",
			Description: "How long the youngest instance has been running. Good: since you last deployed. A small value that you did not expect is a crash.",
			Unit:        "dtdurations", Kind: Stat, Width: 6,
			Queries: []Query{{Expr: `min(time() - process_start_time_seconds{job="$job"})`, Legend: "youngest"}},
		},
		{
			Title: "Requests in flight",
			Description: "Requests being answered now, of all instances, the scrape included. " +
				"Good: purchases a second times the 2.5 s that a payment takes. A climb without more traffic means that something hangs.",
			Unit: "short", Kind: Stat, Width: 6, Min: new(0.0),
			Queries: []Query{{Expr: `sum(onsale_requests_in_flight{job="$job"})`, Legend: "in flight"}},
		},
		{
			Title:       "Builds",
			Description: "Which build each instance runs. Good: one version, but for the minutes of a deployment.",
			Unit:        "short", Kind: Table, Width: 12,
			Queries: []Query{{
				Expr:    `max by (instance, version, revision, goversion) (onsale_build_info{job="$job"})`,
				Instant: true,
			}},
		},
	}
}

// byInstance is a panel over time with a line for each instance.
func byInstance(title, unit, expr, description string) Panel {
	return Panel{
		Title: title, Description: description, Unit: unit, Kind: TimeSeries, Width: 8, Min: new(0.0),
		Queries: []Query{{Expr: expr, Legend: "{{instance}}"}},
	}
}

func processPanels() []Panel {
	memory := byInstance("Resident memory", "bytes", `max by (instance) (process_resident_memory_bytes{job="$job"})`,
		"Memory that each process holds, and what the memory fault makes it hold for nothing. Good: level once it is warm; a steady climb is a leak.")
	memory.Queries = append(memory.Queries,
		Query{Expr: `max by (instance) (onsale_fault_ballast_bytes{job="$job"})`, Legend: "{{instance}} on purpose", Bound: true})

	files := byInstance("Open files", "short", `max by (instance) (process_open_fds{job="$job"})`,
		"Files and connections that each process has open, and how many it may, on a logarithmic axis. "+
			"Good: it falls again after the storm, and stays far below the dashed line, where connections are refused.")
	files.Log = true
	files.Colors = map[string]Color{"limit": Gray}
	files.Queries = append(files.Queries, Query{Expr: `min(process_max_fds{job="$job"})`, Legend: "limit", Bound: true})

	return []Panel{
		byInstance("CPU of the process (%)", "percent", `100 * max by (instance) (rate(process_cpu_seconds_total{job="$job"}[$window]))`,
			"CPU that each process uses, in per cent of one core: 200 is two cores. Good: in step with the traffic. CPU without traffic is worth a profile, or the CPU fault."),
		memory,
		files,
	}
}

// goPanels are about the Go runtime. Prometheus keeps the highest quantile as 1
// or as 1.0, whichever way it was told it.
func goPanels() []Panel {
	heap := byInstance("Heap", "bytes", `max by (instance) (go_memstats_heap_alloc_bytes{job="$job"})`,
		"Memory on the heap, and the size at which the next collection starts. Good: a saw between half of the dashed line and the line, and the line level.")
	heap.Queries = append(heap.Queries,
		Query{Expr: `max by (instance) (go_memstats_next_gc_bytes{job="$job"})`, Legend: "{{instance}} next collection", Bound: true})

	return []Panel{
		byInstance("Goroutines", "short", `max by (instance) (go_goroutines{job="$job"})`,
			"Things each process does at once. Good: it follows the requests in flight and comes back; a climb that never falls is a leak."),
		byInstance("Threads", "short", `max by (instance) (go_threads{job="$job"})`,
			"Threads of the operating system. Good: level. Many are made when many goroutines wait for the disk at once."),
		heap,
		byInstance("Allocation", "Bps", `max by (instance) (rate(go_memstats_alloc_bytes_total{job="$job"}[$window]))`,
			"Memory allocated a second. Good: in step with the traffic. More for the same traffic makes the collector work."),
		byInstance("Collections", "ops", `max by (instance) (rate(go_gc_duration_seconds_count{job="$job"}[$window]))`,
			"Runs of the garbage collector a second. Good: fewer than a few; many mean that the heap is small for what is allocated."),
		byInstance("Longest pause of collections", "s", `max by (instance) (go_gc_duration_seconds{job="$job",quantile=~"1|1[.]0"})`,
			"The longest of the latest pauses in which the collector stopped everything. Good: below a few milliseconds; longer pauses are part of response times."),
	}
}

func scrapePanels() []Panel {
	up := byInstance("Targets up", "short", `max by (instance) (up{job="$job"})`,
		"Whether each instance answered its scrape. Good: all green. A red band is an instance that is away, or the scrape outage fault; InstanceDown fires when it lasts.")
	up.Kind, up.States, up.Min = StateTimeline, upStates(), nil

	return []Panel{
		up,
		byInstance("Scrape time", "s", `max by (instance) (scrape_duration_seconds{job="$job"})`,
			"How long a scrape takes. Good: a few milliseconds. When it nears the scrape timeout, samples are about to be lost."),
		byInstance("Samples of a scrape", "short", `max by (instance) (scrape_samples_scraped{job="$job"})`,
			"Samples that a scrape brings. Good: level; it grows a little with concerts and users, which are bounded. A jump is a label gone wild."),
	}
}
