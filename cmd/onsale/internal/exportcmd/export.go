package exportcmd

import (
	"context"
	"fmt"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/catalog/export"
	"onsale/internal/endpoint"
)

// RulesCommand is `onsale export rules`.
type RulesCommand struct {
	ruleFlags
	fileFlags
}

// Run writes a Prometheus rule file.
func (c *RulesCommand) Run(ctx context.Context, e *command.Env) error {
	o, err := c.options()
	set, err := c.prepare(ctx, e, o, err)
	if err != nil {
		return err
	}
	rules, err := set.Rules()
	if err != nil {
		return err
	}
	reportLeftOut(e, set.LeftOutRules)
	return c.writeOne(e, rules)
}

// DashboardsCommand is `onsale export dashboards`.
type DashboardsCommand struct {
	serviceFlags
	directoryFlags
}

// Run writes the Grafana dashboards.
func (c *DashboardsCommand) Run(ctx context.Context, e *command.Env) error {
	o, err := c.options()
	set, err := c.prepare(ctx, e, o, err)
	if err != nil {
		return err
	}
	files, err := set.Dashboards()
	if err != nil {
		return err
	}
	reportLeftOut(e, set.LeftOutPanels)
	return c.writeAll(e, files)
}

// GrafanaCommand is `onsale export grafana`.
type GrafanaCommand struct {
	ruleFlags
	directoryFlags
	receiverFlags

	PrometheusURL string `name:"prometheus-url" help:"URL of the Prometheus with the rules, as seen from Grafana." default:"http://prometheus:9090" placeholder:"URL"`
}

// Run writes the provisioning files of Grafana.
func (c *GrafanaCommand) Run(ctx context.Context, e *command.Env) error {
	o, err := c.options()
	o.Receiver = c.receiver()
	if o, err = c.checked(o, err); err != nil {
		return err
	}
	if u, ok := endpoint.ParseWebURL(c.PrometheusURL); !ok || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &command.UsageError{Err: fmt.Errorf("--prometheus-url must be a URL like %s, without user and query", export.DefaultPrometheusURL)}
	}
	set, err := c.read(ctx, e, o)
	if err != nil {
		return err
	}
	files, err := set.Grafana(c.PrometheusURL)
	if err != nil {
		return err
	}
	reportLeftOut(e, set.LeftOutRules)
	reportLeftOut(e, set.LeftOutPanels)
	return c.writeAll(e, files)
}

// RunbooksCommand is `onsale export runbooks`.
type RunbooksCommand struct {
	alertedFlags
	directoryFlags
}

// Run writes the runbooks, in Markdown.
func (c *RunbooksCommand) Run(ctx context.Context, e *command.Env) error {
	o, err := c.options()
	set, err := c.prepare(ctx, e, o, err)
	if err != nil {
		return err
	}
	reportLeftOut(e, set.LeftOutRules)
	return c.writeAll(e, set.Runbooks())
}
