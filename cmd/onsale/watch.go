package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/app"
)

// watchFlags are the flags of the monitoring, which `up` and `monitor` share.
type watchFlags struct {
	Job                string   `help:"Name of the scrape job that the alerts and dashboards read." default:"ticket_system"`
	PrometheusConfig   string   `help:"A prometheus.yml whose scrape jobs and rule files are added to the built-in ones." type:"path" placeholder:"FILE"`
	Rules              []string `help:"Files with more rules." type:"path" placeholder:"FILE"`
	AlertmanagerConfig string   `help:"An alertmanager.yml that replaces the built-in one." type:"path" placeholder:"FILE"`
	ExternalURL        string   `name:"external-url" help:"Public URL of this server, for links in messages; its own address by default." placeholder:"URL"`
	RetentionTime      longTime `help:"Time that metrics are kept, like 12h or 7d." default:"7d"`
	RetentionSize      byteSize `help:"Maximum size of the metrics on disk, like 512MB; 0 is no limit." default:"1GB"`

	Alert command.Thresholds `embed:"" prefix:"alert-" group:"Thresholds of the alerts"`
}

// watch returns the monitoring options from the flags and the environment.
func (f *watchFlags) watch(e *command.Env, pace string) (app.Watch, error) {
	w := app.DefaultWatch()
	w.Pace = pace
	w.PrometheusConfig, w.Rules, w.AlertmanagerConfig = f.PrometheusConfig, f.Rules, f.AlertmanagerConfig
	w.ExternalURL = f.ExternalURL
	w.RetentionTime, w.RetentionBytes = time.Duration(f.RetentionTime), int64(f.RetentionSize)
	var err error
	if w.DiscordURL, w.DiscordMention, err = discordOf(e); err != nil {
		return w, err
	}
	w.Settings.Job = f.Job
	f.Alert.Set(&w.Settings)
	return w, nil
}

// discordOf returns DISCORD_URL, the webhook, and DISCORD_MENTION, the people that critical
// alerts mention.
func discordOf(e *command.Env) (webhook app.Secret, mention string, err error) {
	text, err := e.Secret("DISCORD_URL")
	if err != nil {
		return "", "", err
	}
	mention, err = e.Secret("DISCORD_MENTION")
	return app.Secret(text), mention, err
}

// longTime is a duration in the notation of Prometheus, with days, weeks and years.
type longTime time.Duration

// UnmarshalText reads a duration.
func (l *longTime) UnmarshalText(text []byte) error {
	d, err := model.ParseDuration(string(text))
	*l = longTime(d)
	return err
}

// byteSize is a number of bytes with a unit: B, KB, MB, GB or TB. Each unit is 1024 times
// the one before, as in Prometheus.
type byteSize int64

var errByteSize = errors.New("must be a number of bytes with a unit, like 512MB")

// UnmarshalText reads a size.
func (b *byteSize) UnmarshalText(text []byte) error {
	size := strings.ToUpper(strings.TrimSpace(string(text)))
	digits := strings.TrimRight(size, "KMGTB")
	unit := size[len(digits):]
	factor, known := map[string]float64{"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}[unit]
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known || !(number >= 0) || number*factor >= math.MaxInt64 || (unit == "" && number != 0) {
		return fmt.Errorf("%w, not %q", errByteSize, text)
	}
	*b = byteSize(number * factor)
	return nil
}
