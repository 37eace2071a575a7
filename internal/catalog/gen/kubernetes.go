package main

import "onsale/internal/catalog/export"

// kubernetes returns the generated files that only deploy/kubernetes has. Other
// deployments share the rest.
func kubernetes(set *export.Set) ([]export.File, error) {
	rules, err := set.PrometheusRule()
	if err != nil {
		return nil, err
	}
	// The token is in the receiver's Secret.
	o := export.DefaultAlertmanager()
	o.Receiver = export.Receiver{URL: "http://receiver:9095", TokenFile: "/run/secrets/receiver/ONSALE_ADMIN_TOKEN"} //nolint:gosec // G101: a path
	toReceiver, err := export.Alertmanager(o)
	if err != nil {
		return nil, err
	}
	return []export.File{
		{Name: "deploy/kubernetes/base/alertmanager.yml", Content: toReceiver},
		{Name: "deploy/kubernetes/components/operator/rules.yaml", Content: rules},
	}, nil
}
