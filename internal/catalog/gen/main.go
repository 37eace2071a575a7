// Command gen writes what is made from the catalogue: the rule file of Prometheus,
// Grafana's alert rules and dashboards, and the runbooks. `make generate` runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"onsale/internal/catalog"
)

func main() {
	root := flag.String("root", ".", "the `directory` of the repository")
	flag.Parse()
	if err := writeAll(*root); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// writeAll writes everything below root.
func writeAll(root string) error {
	for _, write := range []func(string) error{writeRules, writeRunbooks, writeGrafanaAlerting, writeDashboards} {
		if err := write(root); err != nil {
			return err
		}
	}
	return nil
}

// writeRules writes the rule file. What stands under deploy/ has the real pace.
func writeRules(root string) error {
	rules, err := catalog.RuleFile(catalog.DefaultSettings(), catalog.Real())
	if err != nil {
		return err
	}
	return writeFile(root, "deploy/prometheus/rules.yml", rules)
}

// runbooks is where the runbooks are; nothing else is there.
const runbooks = "docs/runbooks"

// writeRunbooks writes a page an alert and their index, and removes the pages
// of alerts that are no more.
func writeRunbooks(root string) error {
	old, err := filepath.Glob(filepath.Join(root, runbooks, "*.md"))
	if err != nil {
		return err
	}
	for _, page := range old {
		if err := os.Remove(page); err != nil {
			return err
		}
	}
	alerts := catalog.Alerts(catalog.DefaultSettings(), catalog.Real())
	for _, a := range alerts {
		if err := writeFile(root, runbooks+"/"+a.Name+".md", catalog.Runbook(a)); err != nil {
			return err
		}
	}
	return writeFile(root, runbooks+"/README.md", catalog.RunbookIndex(alerts))
}

// writeFile writes a file below root, by its path with slashes.
func writeFile(root, path string, content []byte) error {
	name := filepath.Join(root, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}
