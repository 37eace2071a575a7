package prom

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// refuse parses YAML and returns an error for the first setting that the embedded
// Prometheus does not support.
func refuse(file string, content []byte) (*yaml.Node, error) {
	// Decoding into plain values first finds anchors that contain themselves or expand
	// too much. Without that check, walk might not end.
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

// walk checks all sections below a node. path has the names of the sections around the
// node, separated by dots. The items of a list have the path of the list.
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
				below = path // A merge key adds its entries to this mapping.
			} else if why := refusal(path, key.Value); why != "" && !hollow(value) {
				return fmt.Errorf("%s:%d: %s is not supported: %s", file, key.Line, below, why)
			}
			if err := walk(file, below, value); err != nil {
				return err
			}
		}
	case yaml.ScalarNode:
		// A user and password here would not work, and would appear as a label of all series.
		if path == "scrape_configs.static_configs.targets" && strings.Contains(n.Value, "@") {
			return fmt.Errorf("%s:%d: %s must have the form HOST:PORT: put the user and the password into basic_auth", file, n.Line, path)
		}
	default: // A document has no other nodes inside.
	}
	return nil
}

// refusal returns why a setting is not supported, or an empty string. The library rejects
// settings that do not exist.
func refusal(path, key string) string {
	if path == "scrape_configs" && strings.HasSuffix(key, "_sd_configs") && key != "file_sd_configs" {
		return "use static_configs or file_sd_configs"
	}
	switch strings.TrimPrefix(path+"."+key, ".") {
	case "alerting":
		return "alerts go to the built-in Alertmanager"
	case "remote_write":
		return "samples are kept in the data directory only"
	case "remote_read":
		return "samples are read from the data directory only"
	case "otlp":
		return "the API accepts no samples"
	case "tracing":
		return "the monitoring is not traced"
	case "runtime":
		return "these are settings of the whole process, which does more than monitoring"
	case "storage.tsdb.retention":
		return "use the flags --retention-time and --retention-size"
	case "storage.tsdb.chunk_encoding", "storage.tsdb.stale_series_compaction_threshold":
		return "only out_of_order_time_window and exemplars can be set in storage"
	case "global.query_log_file":
		return "queries are not logged"
	case "global.scrape_failure_log_file", "scrape_configs.scrape_failure_log_file":
		return "see the log and /api/v1/targets for failed scrapes"
	}
	return ""
}

// hollow reports whether a section sets nothing. The prometheus.yml that comes with
// Prometheus has an alerting section without an Alertmanager.
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
	default: // A document has no other nodes inside.
	}
	return true
}
