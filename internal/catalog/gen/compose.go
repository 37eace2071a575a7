package main

import (
	"path"
	"slices"

	"onsale/internal/catalog/export"
)

// compose returns the generated files of deploy/compose, without those that it shares with other
// deployments.
func compose() ([]export.File, error) {
	o := export.DefaultOptions()
	// The receiver there takes notifications without a token: it is published on 127.0.0.1 alone.
	o.Receiver = export.Receiver{URL: "http://receiver:9095"}
	o.Editable = true
	toReceiver := export.DefaultAlertmanager()
	toReceiver.Receiver = o.Receiver
	alertmanager, err := export.Alertmanager(toReceiver)
	if err != nil {
		return nil, err
	}
	set, err := export.New(o)
	if err != nil {
		return nil, err
	}
	grafana, err := set.Grafana(export.DefaultPrometheusURL)
	if err != nil {
		return nil, err
	}
	files := []export.File{{Name: "deploy/compose/alertmanager.yml", Content: alertmanager}}
	for _, f := range grafana {
		// The others are what deploy/grafana has.
		if slices.Contains([]string{
			"provisioning/alerting/contact-points.yaml", "provisioning/alerting/policies.yaml", "provisioning/dashboards/onsale.yaml",
		}, f.Name) {
			files = append(files, export.File{Name: "deploy/compose/grafana/" + path.Base(f.Name), Content: f.Content})
		}
	}
	return files, nil
}
