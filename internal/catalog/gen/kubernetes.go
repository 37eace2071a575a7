package main

import (
	"onsale/internal/catalog"
	"onsale/internal/catalog/export"
)

// kubernetes returns what deploy/kubernetes has of the catalogue beside the files that it
// shares with other Prometheus servers and Grafanas.
func kubernetes(set *export.Set) ([]export.File, error) {
	rules, err := set.PrometheusRule()
	if err != nil {
		return nil, err
	}
	return []export.File{
		{Name: "deploy/kubernetes/base/alertmanager.yml", Content: []byte(toReceiver())},
		{Name: "deploy/kubernetes/components/operator/rules.yaml", Content: rules},
	}, nil
}

// toReceiver is the configuration of an Alertmanager that hands everything to
// `onsale receiver`, grouped and held back as the embedded one does. The token is in the
// Secret of the receiver.
func toReceiver() string {
	return "# " + catalog.Generated + `
# Alertmanager sends to onsale receiver, which delivers to Discord.
` + catalog.Routing("onsale", catalog.Real().Grouping()) + `receivers:
  - name: onsale
    webhook_configs:
      - url: http://receiver:9095/alertmanager
        http_config:
          authorization:
            credentials_file: /run/secrets/receiver/ONSALE_ADMIN_TOKEN
        max_alerts: 1000
`
}
