package prom

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
)

// ruleSet has all rules, by file name, as they were when New read them. It implements
// [rules.GroupLoader] for the rule manager.
type ruleSet struct {
	parser parser.Parser
	names  []string
	groups map[string]*rulefmt.RuleGroups
}

var _ rules.GroupLoader = (*ruleSet)(nil)

// Load returns the rules of a file that New has read.
func (r *ruleSet) Load(name string, _ bool, _ model.ValidationScheme) (*rulefmt.RuleGroups, []error) {
	groups, ok := r.groups[name]
	if !ok {
		return nil, []error{fmt.Errorf("rule file %s: %w", name, fs.ErrNotExist)}
	}
	return groups, nil
}

// Parse parses the expression of a rule.
func (r *ruleSet) Parse(query string) (parser.Expr, error) { return r.parser.ParseExpr(query) }

// expressions returns the expressions of all alerts, as the parser formats them.
func (r *ruleSet) expressions() []string {
	var all []string
	for _, name := range r.names {
		for _, group := range r.groups[name].Groups {
			for _, rule := range group.Rules {
				if rule.Alert == "" {
					continue
				}
				if expr, err := r.parser.ParseExpr(rule.Expr); err == nil {
					all = append(all, expr.String())
				}
			}
		}
	}
	return all
}

// ruleDefaults are the defaults for groups without their own settings.
type ruleDefaults struct {
	interval time.Duration
	// offset is how far in the past rules are evaluated.
	offset time.Duration
	scheme model.ValidationScheme
}

// loadRules reads the built-in rules, the rule files of the options and those of the
// configuration file. The global section of that file applies to the latter only.
func loadRules(o Options, cfg *config.Config, p parser.Parser, logger *slog.Logger) (*ruleSet, error) {
	set := &ruleSet{parser: p, groups: make(map[string]*rulefmt.RuleGroups)}
	own := ruleDefaults{interval: o.EvaluationInterval, scheme: model.UTF8Validation}
	if len(o.Rules) > 0 {
		if err := set.add(BuiltInRules, o.Rules, own, logger); err != nil {
			return nil, err
		}
	}
	theirs := ruleDefaults{
		interval: time.Duration(cfg.GlobalConfig.EvaluationInterval),
		offset:   time.Duration(cfg.GlobalConfig.RuleQueryOffset),
		scheme:   cfg.GlobalConfig.MetricNameValidationScheme,
	}
	for _, pattern := range o.RuleFiles {
		// A missing file is an error if its name has no wildcard.
		if _, err := os.Stat(pattern); err != nil && !strings.ContainsAny(pattern, `*?[\`) {
			return nil, fmt.Errorf("read rule file: %w", err)
		}
	}
	for _, files := range []struct {
		patterns []string
		defaults ruleDefaults
	}{{o.RuleFiles, own}, {cfg.RuleFiles, theirs}} {
		for _, pattern := range files.patterns {
			if err := set.addFiles(pattern, files.defaults, logger); err != nil {
				return nil, err
			}
		}
	}
	return set, nil
}

// addFiles reads the rule files that match a pattern. It logs a warning if there are
// none, because an empty directory for future rules is common.
func (r *ruleSet) addFiles(pattern string, defaults ruleDefaults, logger *slog.Logger) error {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return fmt.Errorf("rule files %q: %w", pattern, err)
	}
	if len(files) == 0 {
		logger.Warn("no rule file matches", "pattern", pattern)
	}
	for _, file := range files {
		file = filepath.Clean(file)
		if r.groups[file] != nil {
			continue // two patterns may match the same file
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read rule file: %w", err)
		}
		if err := r.add(file, content, defaults, logger); err != nil {
			return err
		}
	}
	return nil
}

func (r *ruleSet) add(name string, content []byte, defaults ruleDefaults, logger *slog.Logger) error {
	groups, errs := rulefmt.Parse(content, false, defaults.scheme, r.parser, logger)
	if len(errs) > 0 {
		return inRuleFile(name, errors.Join(errs...))
	}
	for i := range groups.Groups {
		g := &groups.Groups[i]
		if g.Interval == 0 {
			g.Interval = model.Duration(defaults.interval)
		}
		if g.QueryOffset == nil {
			g.QueryOffset = (*model.Duration)(&defaults.offset)
		}
	}
	r.names = append(r.names, name)
	r.groups[name] = groups
	return nil
}

// inRuleFile adds the name of a rule file to an error. Errors about rules begin with line
// and column. YAML errors have the line inside.
func inRuleFile(name string, err error) error {
	text := err.Error()
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		return fmt.Errorf("%s:%w", name, oneLine(err))
	}
	return inFile(name, err)
}
