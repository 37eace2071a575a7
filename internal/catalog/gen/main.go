// Command gen writes the files under deploy/ and docs/runbooks that are generated
// from the catalogue. `make generate` runs it. `onsale export` writes the same
// files for other users.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"onsale/internal/catalog/export"
)

func main() {
	root := flag.String("root", ".", "root `directory` of the repository")
	flag.Parse()
	if err := writeAll(*root, *root); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// target is the Onsale that deploy/prometheus/prometheus.yml scrapes.
var target = url.URL{Scheme: "http", Host: "127.0.0.1:8000", Path: "/metrics"}

// runbooks is the directory of the runbooks. It contains no other files.
const runbooks = "docs/runbooks"

// writeAll writes all generated files below root. It copies the files that are not made from the
// catalogue from the repository.
func writeAll(repository, root string) error {
	o := export.DefaultOptions()
	set, err := export.New(o)
	if err != nil {
		return err
	}
	rules, err := set.Rules()
	if err != nil {
		return err
	}
	prometheus, err := export.Prometheus(export.PrometheusOptions{
		Job: o.Settings.Job, Pace: o.Pace, Targets: []*url.URL{&target}, RuleFile: export.DefaultRuleFile,
	})
	if err != nil {
		return err
	}
	alertmanager, err := export.Alertmanager(export.DefaultAlertmanager())
	if err != nil {
		return err
	}
	grafana, err := set.Grafana(export.DefaultPrometheusURL)
	if err != nil {
		return err
	}
	files := []export.File{
		{Name: "deploy/prometheus/rules.yml", Content: rules},
		{Name: "deploy/prometheus/prometheus.yml", Content: prometheus},
		{Name: "deploy/alertmanager/alertmanager.yml", Content: alertmanager},
	}
	cluster, err := kubernetes(set)
	if err != nil {
		return err
	}
	containers, err := compose()
	if err != nil {
		return err
	}
	files = append(append(files, cluster...), containers...)
	for _, f := range grafana {
		files = append(files, export.File{Name: "deploy/grafana/" + f.Name, Content: f.Content})
	}
	copies, err := chart(repository, files)
	if err != nil {
		return err
	}
	files = append(files, copies...)
	for _, f := range set.Runbooks() {
		files = append(files, export.File{Name: runbooks + "/" + f.Name, Content: f.Content})
	}
	if err := removeRunbooks(root); err != nil {
		return err
	}
	for _, f := range files {
		if err := writeFile(root, f); err != nil {
			return err
		}
	}
	return nil
}

// removeRunbooks removes all pages, because some may belong to alerts that no
// longer exist.
func removeRunbooks(root string) error {
	old, err := filepath.Glob(filepath.Join(root, runbooks, "*.md"))
	if err != nil {
		return err
	}
	for _, page := range old {
		if err := os.Remove(page); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file below root.
func writeFile(root string, f export.File) error {
	name := filepath.Join(root, filepath.FromSlash(f.Name))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, f.Content, 0o644)
}
