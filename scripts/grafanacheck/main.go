// Command grafanacheck checks that a running Grafana has loaded its files: the data source, every
// dashboard, every alert rule, the contact point and the notification policy.
//
//	grafanacheck -url http://127.0.0.1:3000 -files deploy/grafana
//	grafanacheck -alerting none -inbox http://127.0.0.1:9095/inbox -alert HighFailureRate
//
// It repeats the checks until all pass or the time limit is reached. Then it prints one line for each missing or
// different object, and exits with 1. Exit code 2 is for wrong flags and files. With -inbox it also waits for
// the notification of an alert. The variables GF_SECURITY_ADMIN_USER (admin if empty) and
// GF_SECURITY_ADMIN_PASSWORD are its credentials, as for Grafana's administrator.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"
)

// retryEvery is the pause between two rounds of checks.
const retryEvery = time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the command line.
type options struct {
	url, files, alerting, inbox, alert string
	evaluates                          bool
	timeout                            time.Duration
}

// run checks, and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	var want expected
	if err == nil {
		want, err = read(o.files, o.alerting)
	}
	if err != nil {
		fmt.Fprintf(stderr, "grafanacheck: %v\n", err)
		return 2
	}
	g := newGrafana(o.url, getenv("GF_SECURITY_ADMIN_USER"), getenv("GF_SECURITY_ADMIN_PASSWORD"))
	ask := func(ctx context.Context) []string {
		wrong := g.compare(ctx, want, o.evaluates)
		if o.inbox != "" {
			wrong = append(wrong, g.notified(ctx, o.inbox, o.alert)...)
		}
		return wrong
	}
	if wrong := repeat(ctx, o.timeout, ask); len(wrong) > 0 {
		for _, line := range wrong {
			fmt.Fprintf(stderr, "grafanacheck: %s\n", line)
		}
		return 1
	}
	fmt.Fprintf(stdout, "Grafana has %s\n", want)
	if o.inbox != "" {
		fmt.Fprintf(stdout, "%s was delivered\n", o.alert)
	}
	return 0
}

// parse reads the command line.
func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("grafanacheck", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.url, "url", "http://127.0.0.1:3000", "the address of Grafana")
	flags.StringVar(&o.files, "files", "deploy/grafana", "the directory that onsale export grafana wrote")
	flags.StringVar(&o.alerting, "alerting", "", "the files and directories of alert rules, contact points and policies, with commas between them, if others than FILES/provisioning/alerting; none if Grafana must have no rule")
	flags.BoolVar(&o.evaluates, "evaluates", true, "whether Grafana evaluates the rules; with false it must not, because others send the alerts")
	flags.StringVar(&o.inbox, "inbox", "", "the address of an inbox in which the notification of -alert must arrive, such as http://127.0.0.1:9095/inbox")
	flags.StringVar(&o.alert, "alert", "", "the name of the alert that -inbox waits for")
	flags.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long to repeat the questions; 0 asks once")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("no arguments are expected, got %q", flags.Args())
	}
	for name, value := range map[string]string{"-url": o.url, "-inbox": o.inbox} {
		u, err := url.Parse(value)
		if value == "" && name == "-inbox" {
			continue
		}
		if err != nil || u.Host == "" || !strings.HasPrefix(u.Scheme, "http") || u.User != nil {
			return o, fmt.Errorf("%s must be like http://127.0.0.1:3000, without a user", name)
		}
	}
	if (o.inbox == "") != (o.alert == "") {
		return o, errors.New("-inbox and -alert go together")
	}
	if o.alerting == "" {
		o.alerting = filepath.Join(o.files, "provisioning", "alerting")
	}
	return o, nil
}

// repeat checks until nothing is wrong, the time limit is reached or the context ends, and returns the last findings.
// Each request has its own time limit.
func repeat(ctx context.Context, limit time.Duration, ask func(context.Context) []string) []string {
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for over := time.Now().Add(limit); ; {
		wrong := ask(ctx)
		if len(wrong) == 0 || !time.Now().Before(over) {
			return wrong
		}
		select {
		case <-ctx.Done():
			return wrong
		case <-retry.C:
		}
	}
}
