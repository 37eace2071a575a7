package prom

import (
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	// The only supported service discovery besides static targets. It needs no cloud
	// libraries.
	_ "github.com/prometheus/prometheus/discovery/file"
	"go.yaml.in/yaml/v3"
)

// places maps the name of each scrape job to its place, FILE:LINE.
type places map[string]string

// readConfig reads the user's configuration file. Without one, it returns a configuration
// with the intervals of the options and no jobs.
func readConfig(o Options, logger *slog.Logger) (*config.Config, places, error) {
	if o.ConfigFile == "" {
		cfg, err := config.Load("", logger)
		if err != nil {
			return nil, nil, oneLine(err)
		}
		cfg.GlobalConfig.ScrapeInterval = model.Duration(o.ScrapeInterval)
		cfg.GlobalConfig.ScrapeTimeout = model.Duration(min(o.ScrapeInterval, maxScrapeTimeout))
		cfg.GlobalConfig.EvaluationInterval = model.Duration(o.EvaluationInterval)
		return cfg, nil, nil
	}
	content, err := os.ReadFile(o.ConfigFile)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	jobs := make(places)
	cfg, err := parseConfig(o.ConfigFile, content, jobs, logger)
	if err != nil {
		return nil, nil, err
	}
	cfg.SetDirectory(filepath.Dir(o.ConfigFile))
	for _, pattern := range cfg.ScrapeConfigFiles {
		files, err := filepath.Glob(pattern)
		if err != nil {
			return nil, nil, fmt.Errorf("scrape_config_files: %q: %w", pattern, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				return nil, nil, fmt.Errorf("scrape_config_files: %w", err)
			}
			root, err := refuse(file, content)
			if err != nil {
				return nil, nil, err
			}
			jobs.add(file, root)
		}
	}
	return cfg, jobs, nil
}

// parseConfig checks and loads the content of a configuration file, and adds its jobs to
// jobs.
func parseConfig(file string, content []byte, jobs places, logger *slog.Logger) (*config.Config, error) {
	root, err := refuse(file, content)
	if err != nil {
		return nil, err
	}
	jobs.add(file, root)
	cfg, err := config.Load(string(content), logger)
	if err != nil {
		return nil, locate(file, root, err)
	}
	return cfg, nil
}

// add records the places of the jobs in a file.
func (p places) add(file string, root *yaml.Node) {
	for section, jobs := range pairs(root) {
		if section.Value != "scrape_configs" {
			continue
		}
		for _, job := range jobs.Content {
			for key, name := range pairs(job) {
				if key.Value == "job_name" {
					p[name.Value] = fmt.Sprintf("%s:%d", file, job.Line)
				}
			}
		}
	}
}

// pairs yields the keys and values of a section.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}
