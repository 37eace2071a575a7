package export

import (
	"fmt"
	"strings"
)

// Names and paths for Grafana, both in Compose and in Kubernetes.
const (
	// dataSourceUID is the UID by which alerts and dashboards refer to Prometheus.
	dataSourceUID = "prometheus"
	// DefaultPrometheusURL is the service prometheus of the deployment. It is not a
	// variable, because Grafana has no default for an unset variable in these
	// files.
	DefaultPrometheusURL = "http://prometheus:9090"
	// dashboardDirectory is the directory of the dashboards in Grafana's container.
	dashboardDirectory = "/etc/grafana/dashboards"
)

// sources returns the files that configure the data source and the dashboards.
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
      # The scrape interval, which is the smallest useful step.
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
    # How often Grafana checks the files, in seconds.
    updateIntervalSeconds: 10
    options:
      path: %s
`, s.options.Editable, dashboardDirectory)},
	}
}

// literal escapes a text so that Grafana does not expand environment variables in
// it.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }
