package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"onsale/internal/catalog/export"
)

// chartFiles is where the Helm chart has the files of its ConfigMaps: Helm reads no file
// outside a chart.
const chartFiles = "deploy/helm/onsale/files/"

// copied maps the files that the chart needs, or directories of them, to where it has them.
// Grafana's alert rules are not among them: Prometheus evaluates the rules there.
var copied = map[string]string{
	"deploy/prometheus/rules.yml":              "prometheus/rules.yml",
	prometheusInCluster:                        "prometheus/prometheus.yml",
	"deploy/kubernetes/base/alertmanager.yml":  "alertmanager/alertmanager.yml",
	"deploy/grafana/dashboards/":               "grafana/dashboards/",
	"deploy/grafana/provisioning/dashboards/":  "grafana/provisioning/dashboards/",
	"deploy/grafana/provisioning/datasources/": "grafana/provisioning/datasources/",
}

// prometheusInCluster is written by hand.
const prometheusInCluster = "deploy/kubernetes/base/prometheus.yml"

// chart returns the chart's copies of the files that are generated and of prometheusInCluster.
func chart(repository string, generated []export.File) (copies []export.File, err error) {
	byHand, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(prometheusInCluster)))
	if err != nil {
		return nil, err
	}
	for _, f := range append(slices.Clip(generated), export.File{Name: prometheusInCluster, Content: byHand}) {
		for from, to := range copied {
			if rest, found := strings.CutPrefix(f.Name, from); found {
				copies = append(copies, export.File{Name: chartFiles + to + rest, Content: f.Content})
			}
		}
	}
	return copies, nil
}
