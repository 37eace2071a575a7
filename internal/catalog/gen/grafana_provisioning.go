package main

import (
	"fmt"

	"onsale/internal/catalog"
)

// Where Grafana finds things, in Compose and in Kubernetes alike.
const (
	// dataSourceUID is the name by which alerts and dashboards refer to the
	// Prometheus.
	dataSourceUID = "prometheus"
	// prometheusURL is the service prometheus of the deployment. Grafana reads
	// variables in such files, but knows no default for one that is not set.
	prometheusURL = "http://prometheus:9090"
	// dashboardDirectory is where the container of Grafana sees the dashboards.
	dashboardDirectory = "/etc/grafana/dashboards"
)

const generated = "# " + catalog.Generated + "\n"

// provisioning are the files, by their path under deploy/grafana, that tell
// Grafana about the data source and the dashboards.
func provisioning() map[string][]byte {
	return map[string][]byte{
		"provisioning/datasources/prometheus.yaml": fmt.Appendf(nil, generated+`apiVersion: 1
datasources:
  - name: Prometheus
    uid: %s
    type: prometheus
    access: proxy
    url: %s
    isDefault: true
    editable: false
    jsonData:
      httpMethod: POST
      # How often Prometheus scrapes: no step is finer.
      timeInterval: %s
      prometheusType: Prometheus
`, dataSourceUID, prometheusURL, catalog.Real().Scrape),
		"provisioning/dashboards/onsale.yaml": fmt.Appendf(nil, generated+`apiVersion: 1
providers:
  - name: onsale
    type: file
    folder: Onsale
    disableDeletion: true
    allowUiUpdates: false
    # How often the files are looked at, in seconds.
    updateIntervalSeconds: 10
    options:
      path: %s
`, dashboardDirectory),
	}
}
