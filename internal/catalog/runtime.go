package catalog

// runtime returns the dashboard of the processes.
func runtime() Dashboard {
	return Dashboard{
		Name:        "runtime",
		Title:       "Runtime",
		Description: "The health of the processes: memory, CPU, files, the Go runtime and scraping.",
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
			Title:       "Uptime",
			Description: "Uptime of the most recently started instance. Good: the time since your last deployment. An unexpectedly small value is a crash.",
			Unit:        "dtdurations", Kind: Stat, Width: 6,
			Queries: []Query{{Expr: `min(time() - process_start_time_seconds{job="$job"})`, Legend: "youngest"}},
		},
		{
			Title: "Requests in flight",
			Description: "Requests in progress on all instances, including the scrape. " +
				"Good: purchases per second times 2.5 s, the average payment. A rise without more traffic means that calls hang.",
			Unit: "short", Kind: Stat, Width: 6, Min: new(0.0),
			Queries: []Query{{Expr: `sum(onsale_requests_in_flight{job="$job"})`, Legend: "in flight"}},
		},
		{
			Title:       "Builds",
			Description: "Which build each instance runs. Good: one version, except during a deployment.",
			Unit:        "short", Kind: Table, Width: 12,
			Queries: []Query{{
				Expr:    `max by (instance, version, revision, goversion) (onsale_build_info{job="$job"})`,
				Instant: true,
			}},
		},
	}
}

// byInstance returns a time series panel with a line for each instance.
func byInstance(title, unit, expr, description string) Panel {
	return Panel{
		Title: title, Description: description, Unit: unit, Kind: TimeSeries, Width: 8, Min: new(0.0),
		Queries: []Query{{Expr: expr, Legend: "{{instance}}"}},
	}
}

func processPanels() []Panel {
	memory := byInstance("Resident memory", "bytes", `max by (instance) (process_resident_memory_bytes{job="$job"})`,
		"Memory that each process uses, and the part that the memory fault occupies. Good: constant after warm-up. A steady rise is a leak.")
	memory.Queries = append(memory.Queries,
		Query{Expr: `max by (instance) (onsale_fault_ballast_bytes{job="$job"})`, Legend: "{{instance}} memory fault", Bound: true})

	files := byInstance("Open files", "short", `max by (instance) (process_open_fds{job="$job"})`,
		"Open files and connections of each process, and the limit, on a logarithmic axis. "+
			"Good: it falls again after the load, and stays far below the dashed line. At the line, connections are refused.")
	files.Log = true
	files.Colors = map[string]Color{"limit": Gray}
	files.Queries = append(files.Queries, Query{Expr: `min(process_max_fds{job="$job"})`, Legend: "limit", Bound: true})

	return []Panel{
		byInstance("CPU of the process (%)", "percent", `100 * max by (instance) (rate(process_cpu_seconds_total{job="$job"}[$window]))`,
			"CPU that each process uses, in per cent of one core: 200 is two cores. Good: it follows the traffic. CPU use without traffic is the CPU fault, or worth a profile."),
		memory,
		files,
	}
}

// goPanels returns the panels on the Go runtime. The highest quantile is 1 or 1.0,
// depending on the format of the scrape.
func goPanels() []Panel {
	heap := byInstance("Heap", "bytes", `max by (instance) (go_memstats_heap_alloc_bytes{job="$job"})`,
		"Memory on the heap, and the size at which the next collection starts. Good: a sawtooth between half of the dashed line and the line, and a constant line.")
	heap.Queries = append(heap.Queries,
		Query{Expr: `max by (instance) (go_memstats_next_gc_bytes{job="$job"})`, Legend: "{{instance}} next collection", Bound: true})

	return []Panel{
		byInstance("Goroutines", "short", `max by (instance) (go_goroutines{job="$job"})`,
			"Goroutines of each process. Good: it follows the requests in flight and falls again. A rise that never falls is a leak."),
		byInstance("Threads", "short", `max by (instance) (go_threads{job="$job"})`,
			"Threads of the operating system. Good: constant. Many goroutines that wait for the disk at once create many threads."),
		heap,
		byInstance("Allocation", "Bps", `max by (instance) (rate(go_memstats_alloc_bytes_total{job="$job"}[$window]))`,
			"Memory allocated per second. Good: it follows the traffic. A rise for the same traffic means more garbage collection."),
		byInstance("Garbage collections", "ops", `max by (instance) (rate(go_gc_duration_seconds_count{job="$job"}[$window]))`,
			"Runs of the garbage collector per second. Good: a few at most. Many mean that the heap is small compared with the allocation rate."),
		byInstance("Longest GC pause", "s", `max by (instance) (go_gc_duration_seconds{job="$job",quantile=~"1|1[.]0"})`,
			"The longest recent stop-the-world pause of the garbage collector. Good: below a few milliseconds. Longer pauses add to response times."),
	}
}

func scrapePanels() []Panel {
	up := byInstance("Targets up", "short", `max by (instance) (up{job="$job"})`,
		"Whether each instance responded to its scrape. Good: all green. A red band is an instance that is down, or the scrape outage fault. InstanceDown fires if it lasts.")
	up.Kind, up.States, up.Min = StateTimeline, upStates(), nil

	return []Panel{
		up,
		byInstance("Scrape time", "s", `max by (instance) (scrape_duration_seconds{job="$job"})`,
			"How long a scrape takes. Good: a few milliseconds. If it gets close to the scrape timeout, samples will soon be lost."),
		byInstance("Samples per scrape", "short", `max by (instance) (scrape_samples_scraped{job="$job"})`,
			"Samples in one scrape. Good: constant. It grows slightly with concerts and users, which are bounded. A jump means that a label has too many values."),
	}
}
