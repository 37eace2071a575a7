package export

import (
	"fmt"
	"strings"
)

// Where Grafana finds things, in Compose and in Kubernetes alike.
const (
	// dataSourceUID is the name by which alerts and dashboards refer to the
	// Prometheus.
	dataSourceUID = "prometheus"
	// DefaultPrometheusURL is the service prometheus of the deployment. Grafana
	// reads variables in such files, but knows no default for one that is not set.
	DefaultPrometheusURL = "http://prometheus:9090"
	// dashboardDirectory is where the container of Grafana sees the dashboards.
	dashboardDirectory = "/etc/grafana/dashboards"
)

// sources tell Grafana about the data source and the dashboards.
func (s *Set) sources(prometheusURL string) []File {
	return []File{
		{"provisioning/datasources/prometheus.yaml", fmt.Appendf(nil, header()+`apiVersion: 1
datasources:
  - name: Prometheus
    uid: %s
    type: prometheus
    access: proxy
    url: %q
    isDefault: true
    editable: false
    jsonData:
      httpMethod: POST
      # How often Prometheus scrapes: no step is finer.
      timeInterval: %s
      prometheusType: Prometheus
`, dataSourceUID, literal(prometheusURL), s.options.Pace.Scrape)},
		{"provisioning/dashboards/onsale.yaml", fmt.Appendf(nil, header()+`apiVersion: 1
providers:
  - name: onsale
    type: file
    folder: Onsale
    disableDeletion: true
    allowUiUpdates: %t
    # How often the files are looked at, in seconds.
    updateIntervalSeconds: 10
    options:
      path: %s
`, s.options.Editable, dashboardDirectory)},
	}
}

// literal is a text that Grafana takes for itself and not for a variable of its
// environment.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }
