package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// expected is what Grafana should have.
type expected struct {
	sources    []source
	dashboards []dashboard
	rules      []rule
	contacts   []contact
	policies   []policy
}

// source is a data source.
type source struct {
	UID       string `json:"uid"`
	Name      string `json:"name"`
	Type      string `json:"type"`
	IsDefault bool   `json:"isDefault" yaml:"isDefault"`
}

// dashboard is a page with panels.
type dashboard struct {
	UID    string            `json:"uid"`
	Title  string            `json:"title"`
	Panels []json.RawMessage `json:"panels"`
}

// rule is an alert rule.
type rule struct {
	UID      string `json:"uid"`
	Title    string `json:"title"`
	IsPaused bool   `json:"isPaused" yaml:"isPaused"`
}

// contact is one receiver of a contact point, in the shape of the API.
type contact struct {
	UID  string `json:"uid"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// policy is the notification policy of all alerts.
type policy struct {
	Receiver string   `json:"receiver"`
	GroupBy  []string `json:"group_by" yaml:"group_by"`
}

func (e expected) String() string {
	return fmt.Sprintf("all that is expected: data sources %d, dashboards %d, alert rules %d, contact points %d, policies %d",
		len(e.sources), len(e.dashboards), len(e.rules), len(e.contacts), len(e.policies))
}

// none is the name of a directory without alert rules.
const none = "none"

// read reads the directory of onsale export grafana, with the alert rules from other files and directories.
func read(files, alerting string) (expected, error) {
	var e expected
	var sources struct{ Datasources []source }
	err := each(filepath.Join(files, "provisioning", "datasources"), ".yaml", func(text []byte) error {
		sources.Datasources = nil
		err := yaml.Unmarshal(text, &sources)
		e.sources = append(e.sources, sources.Datasources...)
		return err
	})
	if err != nil {
		return e, err
	}
	err = each(filepath.Join(files, "dashboards"), ".json", func(text []byte) error {
		var d dashboard
		err := json.Unmarshal(text, &d)
		e.dashboards = append(e.dashboards, d)
		return err
	})
	if err != nil || alerting == none {
		return e, err
	}
	alerts := func(text []byte) error {
		var f struct {
			Groups        []struct{ Rules []rule }
			ContactPoints []struct {
				Name      string
				Receivers []contact
			} `yaml:"contactPoints"`
			Policies []policy
		}
		err := yaml.Unmarshal(text, &f)
		for _, group := range f.Groups {
			e.rules = append(e.rules, group.Rules...)
		}
		for _, point := range f.ContactPoints {
			for _, c := range point.Receivers {
				c.Name = point.Name
				e.contacts = append(e.contacts, c)
			}
		}
		e.policies = append(e.policies, f.Policies...)
		return err
	}
	for place := range strings.SplitSeq(alerting, ",") {
		if err := each(place, ".yaml", alerts); err != nil {
			return e, err
		}
	}
	if len(e.rules) == 0 || len(e.contacts) == 0 || len(e.policies) != 1 {
		return e, fmt.Errorf("%s must have alert rules, a contact point and one policy", alerting)
	}
	return e, nil
}

// each reads a file, or the files of a directory, which must have at least one.
func each(place, extension string, read func(text []byte) error) error {
	info, err := os.Stat(place)
	if err != nil {
		return err
	}
	names := []string{place}
	if info.IsDir() {
		names, err = filepath.Glob(filepath.Join(place, "*"+extension))
		if err != nil || len(names) == 0 {
			return fmt.Errorf("%s has no %s", place, extension)
		}
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err == nil {
			err = read(text)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return nil
}
