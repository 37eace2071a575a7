package alerting

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/alertmanager/timeinterval"

	"onsale/internal/catalog"
	"onsale/internal/monitor/conceal"
)

// builtIn is the configuration without a file.
func builtIn(o Options) string {
	grouping := catalog.Grouping{Wait: o.GroupWait, Interval: o.GroupInterval, Repeat: o.RepeatInterval}
	return catalog.Routing(BuiltIn, grouping) + "receivers:\n  - name: " + BuiltIn + "\n"
}

// refused are the sections of Alertmanager's file that are not honoured, and why.
func refused() map[string]string {
	return map[string]string{
		"tracing":        "it is not honoured, because Onsale sends no traces",
		"event_recorder": "it is not honoured, because Onsale records no events",
	}
}

// loaded is a configuration that was read and checked.
type loaded struct {
	config   *config.Config
	template *template.Template
	secrets  secrets
	document document
}

// load reads the user's file or makes the built-in configuration.
func load(o Options) (loaded, error) {
	if o.ConfigFile == "" {
		return check(document{name: "built-in alertmanager configuration"}, func() (*config.Config, error) { return config.Load(builtIn(o)) })
	}
	content, err := os.ReadFile(o.ConfigFile)
	if err != nil {
		return loaded{}, fmt.Errorf("read alertmanager configuration: %w", err)
	}
	doc, err := parse(o.ConfigFile, content)
	if err != nil {
		return loaded{}, err
	}
	for _, key := range doc.root.Content {
		if why, no := refused()[key.Value]; no && doc.key(key.Value) == key {
			return loaded{}, doc.at(key.Line, key.Value, why)
		}
	}
	return check(doc, func() (*config.Config, error) { return config.LoadFile(o.ConfigFile) })
}

// check has the library read the configuration, and parses the templates.
func check(doc document, read func() (*config.Config, error)) (loaded, error) {
	parsed, err := read()
	if err != nil {
		return loaded{}, doc.explain(err)
	}
	_, closed, err := conceal.YAML(parsed.String())
	if err != nil {
		return loaded{}, doc.explain(err)
	}
	for i, glob := range parsed.Templates {
		if err := checkTemplates(glob); err != nil {
			return loaded{}, doc.at(doc.item("templates", i), "templates", err.Error())
		}
	}
	parsedTemplates, err := template.FromGlobs(parsed.Templates)
	if err != nil {
		return loaded{}, doc.at(doc.line("templates"), "templates", err.Error())
	}
	return loaded{
		config: parsed, template: parsedTemplates, secrets: secretsOf(parsed, closed), document: doc,
	}, nil
}

// checkTemplates parses what one entry of templates names. The library accepts a
// file that is not there, for it may come before a reload; here it never would.
func checkTemplates(glob string) error {
	files, err := filepath.Glob(glob)
	if err != nil {
		return fmt.Errorf("%s: %w", glob, err)
	}
	if len(files) == 0 && !strings.ContainsAny(glob, `*?[\`) {
		return fmt.Errorf("%s: %w", glob, os.ErrNotExist)
	}
	if _, err := template.FromGlobs([]string{glob}); err != nil {
		return errors.New(oneLine(err.Error()))
	}
	return nil
}

// resolveTimeout is after how long an alert that is not put again is over.
func (s *setup) resolveTimeout() time.Duration { return time.Duration(s.config.Global.ResolveTimeout) }

// intervals are the named times at which routes tell, or do not.
func (s *setup) intervals() map[string][]timeinterval.TimeInterval {
	named := make(map[string][]timeinterval.TimeInterval)
	for _, i := range s.config.MuteTimeIntervals {
		named[i.Name] = i.TimeIntervals
	}
	for _, i := range s.config.TimeIntervals {
		named[i.Name] = i.TimeIntervals
	}
	return named
}
