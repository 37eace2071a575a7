// Package exportcmd is `onsale export`: what the monitoring is made of, in files for servers
// of the user's own.
package exportcmd

import (
	"onsale/cmd/onsale/internal/command"
	"onsale/internal/catalog/export"
)

// Command is `onsale export`.
type Command struct {
	Rules        RulesCommand        `cmd:"" help:"The alerts and recording rules, for Prometheus."`
	Dashboards   DashboardsCommand   `cmd:"" help:"The dashboards, for Grafana, a JSON file each."`
	Alertmanager AlertmanagerCommand `cmd:"" help:"A configuration of Alertmanager that sends to Discord, or to onsale receiver."`
	Prometheus   PrometheusCommand   `cmd:"" help:"A configuration of Prometheus that scrapes the service and loads the rules."`
	Grafana      GrafanaCommand      `cmd:"" help:"Everything for a Grafana that is set up by files: dashboards, alert rules, contact point, data source."`
	Runbooks     RunbooksCommand     `cmd:"" help:"The runbooks that alerts link to, in Markdown."`
}

// Help is shown under `onsale export --help`.
func (Command) Help() string {
	return `It writes what onsale monitor watches by, for servers that you run yourself.
With --target or --metrics it leaves out what the service has no series for,
and says so. No file has a secret in it.`
}

// serviceFlags say what the service is like that is watched.
type serviceFlags struct {
	Job     string   `help:"Name of the scrape job that your Prometheus has for the service." default:"ticket_system"`
	Pace    string   `help:"How often your Prometheus scrapes and evaluates: real, every 5 s, or demo, every second." enum:"demo,real" default:"real"`
	Target  []string `help:"Metrics pages of the service, URLs whose path is /metrics unless given. They are read once, and what needs other series is left out." placeholder:"URL"`
	Metrics string   `help:"A saved metrics page in place of --target; - is standard input." type:"path" placeholder:"FILE"`

	Alert command.Thresholds `embed:"" prefix:"alert-" group:"Thresholds of the alerts"`
}

// alertedFlags are those of what tells of alerts.
type alertedFlags struct {
	serviceFlags

	Severity map[string]string `help:"Another severity for an alert, like HighCPU=info: critical, warning or info." mapsep:";" placeholder:"ALERT=SEVERITY"`
}

// ruleFlags are those of alert rules.
type ruleFlags struct {
	alertedFlags

	Label      map[string]string `help:"Labels that all alerts get, like team=payments; repeat it, or put ; between." mapsep:";" placeholder:"NAME=VALUE"`
	RunbookURL string            `name:"runbook-url" help:"Where the runbooks are: the address before an alert's name, or one with NAME in the name's place. Empty, alerts link to none." default:"docs/runbooks/NAME.md" placeholder:"URL"`
}

// fileFlags are those of what has one file.
type fileFlags struct {
	Output string `help:"File to write; - is standard output." short:"o" default:"-" type:"path" placeholder:"FILE"`
	Force  bool   `help:"Overwrite a file that onsale export has not written." env:"-"`
}

// directoryFlags are those of what has several files.
type directoryFlags struct {
	Output string `help:"Directory to write into. It is made if it is not there." short:"o" required:"" type:"path" placeholder:"DIR"`
	Force  bool   `help:"Overwrite files that onsale export has not written." env:"-"`
}

// receiverFlags are those of what sends alerts.
type receiverFlags struct {
	Receiver          string `help:"Send to the onsale receiver at this URL, which delivers to Discord, in place of Discord itself." placeholder:"URL"`
	ReceiverTokenFile string `help:"Where the sender finds the file with the receiver's admin token; none by default." placeholder:"FILE"`
}

// receiver returns what the flags say.
func (f receiverFlags) receiver() export.Receiver {
	return export.Receiver{URL: f.Receiver, TokenFile: f.ReceiverTokenFile}
}
