package prom

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// refuse reads YAML and returns an error for the first section that asks for
// what the embedded Prometheus does not do.
func refuse(file string, content []byte) (*yaml.Node, error) {
	// Reading it as plain values first finds anchors that contain themselves or
	// blow up, so that walking the nodes comes to an end.
	var values any
	if err := yaml.Unmarshal(content, &values); err != nil {
		return nil, inFile(file, err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, inFile(file, err)
	}
	if len(document.Content) == 0 {
		return &document, nil
	}
	root := document.Content[0]
	return root, walk(file, "", root)
}

// walk goes through all sections. path is where the node stands, by the names of
// the sections around it; the items of a list have the path of the list.
func walk(file, path string, n *yaml.Node) error {
	switch n.Kind {
	case yaml.AliasNode:
		return walk(file, path, n.Alias)
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if err := walk(file, path, item); err != nil {
				return err
			}
		}
	case yaml.MappingNode:
		for key, value := range pairs(n) {
			below := strings.TrimPrefix(path+"."+key.Value, ".")
			if key.Tag == "!!merge" {
				below = path // What is merged in stands here.
			} else if why := refusal(path, key.Value); why != "" && !hollow(value) {
				return fmt.Errorf("%s:%d: %s is not honoured: %s", file, key.Line, below, why)
			}
			if err := walk(file, below, value); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		// It would not work, and be a label of all series.
		if path == "scrape_configs.static_configs.targets" && strings.Contains(n.Value, "@") {
			return fmt.Errorf("%s:%d: %s must be HOST:PORT each: a user and a password belong in basic_auth", file, n.Line, path)
		}
	default: // There are no other nodes inside a document.
	}
	return nil
}

// refusal says why a section is not honoured, and nothing of one that is. What
// no Prometheus knows is left to the library to refuse.
func refusal(path, key string) string {
	if path == "scrape_configs" && strings.HasSuffix(key, "_sd_configs") && key != "file_sd_configs" {
		return "targets come from static_configs and file_sd_configs only"
	}
	switch strings.TrimPrefix(path+"."+key, ".") {
	case "alerting":
		return "alerts go to the built-in Alertmanager"
	case "remote_write":
		return "samples are kept in the data directory only"
	case "remote_read":
		return "samples are read from the data directory only"
	case "otlp":
		return "the API takes no samples"
	case "tracing":
		return "the monitoring is not traced"
	case "runtime":
		return "the process is not the monitoring's alone"
	case "storage.tsdb.retention":
		return "retention is set on the command line"
	case "storage.tsdb.chunk_encoding", "storage.tsdb.stale_series_compaction_threshold":
		return "of storage only out_of_order_time_window and exemplars can be set"
	case "global.query_log_file":
		return "queries are not logged"
	case "global.scrape_failure_log_file", "scrape_configs.scrape_failure_log_file":
		return "the log and /api/v1/targets tell of failed scrapes"
	}
	return ""
}

// hollow reports whether a section says nothing: the prometheus.yml that comes
// with Prometheus has an alerting section without a single Alertmanager.
func hollow(n *yaml.Node) bool {
	switch n.Kind {
	case yaml.AliasNode:
		return hollow(n.Alias)
	case yaml.ScalarNode:
		return n.Tag == "!!null"
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if !hollow(item) {
				return false
			}
		}
	case yaml.MappingNode:
		for _, value := range pairs(n) {
			if !hollow(value) {
				return false
			}
		}
	default: // There are no other nodes inside a document.
	}
	return true
}
