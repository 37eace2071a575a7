// Package exportcmd is `onsale export`: rules, dashboards and configuration of the embedded
// monitoring, as files for the user's own servers.
package exportcmd

import (
	"onsale/cmd/onsale/internal/command"
	"onsale/internal/catalog/export"
)

// Command is `onsale export`.
type Command struct {
	Rules        RulesCommand        `cmd:"" help:"Write the alerts and recording rules for Prometheus."`
	Dashboards   DashboardsCommand   `cmd:"" help:"Write the dashboards for Grafana, one JSON file each."`
	Alertmanager AlertmanagerCommand `cmd:"" help:"Write an Alertmanager configuration that sends to Discord or to onsale receiver."`
	Prometheus   PrometheusCommand   `cmd:"" help:"Write a Prometheus configuration that scrapes the service and loads the rules."`
	Grafana      GrafanaCommand      `cmd:"" help:"Write all provisioning files for Grafana: dashboards, alert rules, contact point, data source."`
	Runbooks     RunbooksCommand     `cmd:"" help:"Write the runbooks that alerts link to, in Markdown."`
}

// Help is shown under `onsale export --help`.
func (Command) Help() string {
	return `Writes the rules and dashboards of onsale monitor as files for servers that you
run yourself. With --target or --metrics, it leaves out alerts and panels whose
metrics the service does not export, and reports them. No file contains a secret.`
}

// serviceFlags describe the monitored service.
type serviceFlags struct {
	Job     string   `help:"Name of the scrape job of the service in your Prometheus." default:"ticket_system"`
	Pace    string   `help:"Interval of scrapes and rule evaluations in your Prometheus: real is 5 s, demo 1 s." enum:"demo,real" default:"real"`
	Target  []string `help:"Metrics pages of the service, as URLs; the default path is /metrics. They are read once, and whatever needs other metrics is left out." placeholder:"URL"`
	Metrics string   `help:"File with a saved metrics page, instead of --target; - is standard input." type:"path" placeholder:"FILE"`

	Alert command.Thresholds `embed:"" prefix:"alert-" group:"Thresholds of the alerts"`
}

// alertedFlags are the flags of commands that write about alerts.
type alertedFlags struct {
	serviceFlags

	Severity map[string]string `help:"Severity that an alert gets, like HighCPU=info: critical, warning or info." mapsep:";" placeholder:"ALERT=SEVERITY"`
}

// ruleFlags are the flags of commands that write alert rules.
type ruleFlags struct {
	alertedFlags

	Label      map[string]string `help:"Label for all alerts, like team=payments; repeat the flag, or separate labels with ;." mapsep:";" placeholder:"NAME=VALUE"`
	RunbookURL string            `name:"runbook-url" help:"Address of the runbooks. NAME stands for the name of the alert, which otherwise follows at the end. If empty, alerts have no link." default:"docs/runbooks/NAME.md" placeholder:"URL"`
}

// fileFlags are the flags of commands that write one file.
type fileFlags struct {
	Output string `help:"File to write; - is standard output." short:"o" default:"-" type:"path" placeholder:"FILE"`
	Force  bool   `help:"Overwrite a file that onsale export has not written." env:"-"`
}

// directoryFlags are the flags of commands that write several files.
type directoryFlags struct {
	Output string `help:"Directory to write to; it is created if it does not exist." short:"o" required:"" type:"path" placeholder:"DIR"`
	Force  bool   `help:"Overwrite files that onsale export has not written." env:"-"`
}

// receiverFlags are the flags of commands that configure where alerts are sent.
type receiverFlags struct {
	Receiver          string `help:"URL of an onsale receiver. Alerts go there instead of to Discord, and the receiver delivers them." placeholder:"URL"`
	ReceiverTokenFile string `help:"File with the admin token of the receiver, on the machine of the sender; none by default." placeholder:"FILE"`
}

// receiver returns the receiver from the flags.
func (f receiverFlags) receiver() export.Receiver {
	return export.Receiver{URL: f.Receiver, TokenFile: f.ReceiverTokenFile}
}
