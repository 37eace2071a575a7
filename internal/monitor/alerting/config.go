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

// builtIn returns the configuration that is used when there is no file.
func builtIn(o Options) string {
	grouping := catalog.Grouping{Wait: o.GroupWait, Interval: o.GroupInterval, Repeat: o.RepeatInterval}
	return catalog.Routing(BuiltIn, grouping) + "receivers:\n  - name: " + BuiltIn + "\n"
}

// refused returns the sections of Alertmanager's file that Onsale does not support,
// each with the reason.
func refused() map[string]string {
	return map[string]string{
		"tracing":        "not supported, because Onsale sends no traces; remove the section",
		"event_recorder": "not supported, because Onsale records no events; remove the section",
	}
}

// loaded is a checked configuration.
type loaded struct {
	config   *config.Config
	template *template.Template
	secrets  secrets
	document document
}

// load reads the user's file. Without one, it returns the built-in configuration.
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

// check lets the library load the configuration, and parses the templates.
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

// checkTemplates parses the files that one entry of templates names. The library
// accepts a missing file, because it may exist at the next reload. Onsale does not
// reload, so a missing file is an error.
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

// resolveTimeout is how long an alert stays active after the last Put.
func (s *setup) resolveTimeout() time.Duration { return time.Duration(s.config.Global.ResolveTimeout) }

// intervals returns the named time intervals at which routes are active or muted.
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
