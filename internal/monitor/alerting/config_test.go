package alerting_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/monitor/alerting"
)

func TestErrorNamesThePlaceInTheFile(t *testing.T) {
	t.Parallel()
	const routed = "route:\n  receiver: a\nreceivers:\n  - name: a\n" // four lines
	for name, c := range map[string]struct{ file, want string }{
		"empty":              {"", ":1: route: the file is empty"},
		"only a comment":     {"# nothing\n", ":1: route: the file is empty"},
		"no mapping":         {"- a\n", ":1: the file must be a mapping of sections"},
		"no yaml":            {"route:\n  receiver: [a\n", ":2: "},
		"no route":           {"receivers:\n  - name: a\n", ": no routes provided"},
		"tracing":            {routed + "tracing:\n  endpoint: localhost:4317\n", ":5: tracing: not supported"},
		"empty tracing":      {routed + "tracing:\n", ":5: tracing: not supported"},
		"event recorder":     {routed + "event_recorder: {}\n", ":5: event_recorder: not supported"},
		"unknown section":    {routed + "alerting: {}\n", ":5: alerting: unknown field alerting"},
		"unknown field":      {routed + "    email: []\n", ":5: receivers: unknown field email"},
		"unknown receiver":   {"route:\n  receiver: a\n  routes:\n    - receiver: a\n    - receiver: b\nreceivers:\n  - name: a\n", `: undefined receiver "b" used in route`},
		"unknown time":       {"route:\n  receiver: a\n  routes:\n    - receiver: a\n      mute_time_intervals: [night]\nreceivers:\n  - name: a\n", `: undefined time interval "night"`},
		"root with matchers": {"# first\nroute:\n  receiver: a\n  matchers: [a=b]\nreceivers:\n  - name: a\n", ": root route must not have any matchers"},
		"two of a name":      {routed + "  - name: a\n", `: notification config name "a" is not unique`},
		"no webhook url":     {routed + "    webhook_configs:\n      - max_alerts: 1\n", ":6: receivers: "},
		"second hook":        {routed + "    discord_configs:\n      - webhook_url: http://127.0.0.1/x\n      - title: b\n", ":7: receivers: "},
		"no smarthost":       {routed + "  - name: b\n    email_configs:\n      - to: a@example.com\n", ":7: receivers: no global SMTP smarthost set"},
		"two global secrets": {"global:\n  slack_api_url: http://a\n  slack_api_url_file: b\n" + routed, ":1: global: at most one of slack_api_url"},
		"bad duration":       {"route:\n  receiver: a\n  group_wait: soon\nreceivers:\n  - name: a\n", `: not a valid duration string: "soon"`},
		"bad inhibition":     {routed + "inhibit_rules:\n  - equal: [a]\n  - equal: ['a b']\n", `:7: inhibit_rules: invalid label name "a b"`},
		"bad matcher":        {routed + "inhibit_rules:\n  - source_matchers: ['=b']\n", ":6: inhibit_rules: "},
		"newer matcher":      {routed + "inhibit_rules:\n  - source_matchers: ['\"ünï\"=b']\n", ":6: inhibit_rules: "},
		"bad time interval":  {routed + "time_intervals:\n  - name: night\n    time_intervals:\n      - times: [{start_time: '25:00', end_time: '26:00'}]\n", ":6: time_intervals: "},
		"unnamed interval":   {routed + "mute_time_intervals:\n  - time_intervals: []\n", ":6: mute_time_intervals: missing name"},
		"missing template":   {routed + "templates:\n  - '*.none'\n  - missing.tmpl\n", ":7: templates: "},
		"missing ca file":    {routed + "    webhook_configs:\n      - url: http://127.0.0.1/x\n        http_config:\n          tls_config: {ca_file: missing.pem}\n", ":4: receivers: "},
		"zero interval":      {"route:\n  receiver: a\n  group_interval: 0s\nreceivers:\n  - name: a\n", ": group_interval cannot be zero"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := withFile(t, options(t, newListener()), c.file)
			_, err := alerting.New(o)
			if err == nil {
				t.Fatal("the file was accepted")
			}
			message := err.Error()
			if !strings.HasPrefix(message, o.ConfigFile+c.want) || strings.Contains(message, "\n") {
				t.Errorf("got %q, want one line that begins with the file name and %q", message, c.want)
			}
		})
	}
}

func TestErrorNamesTheLineOfABadTemplate(t *testing.T) {
	t.Parallel()
	o := withFile(t, options(t, newListener()), "route:\n  receiver: a\nreceivers:\n  - name: a\ntemplates:\n  - good.tmpl\n  - bad*.tmpl\n")
	for name, content := range map[string]string{"good.tmpl": `{{ define "good" }}ok{{ end }}`, "bad.tmpl": "{{ define \"bad\" }}"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(o.ConfigFile), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := alerting.New(o)
	if err == nil || !strings.HasPrefix(err.Error(), o.ConfigFile+":7: templates: ") {
		t.Errorf("want an error for line 7, got %v", err)
	}
}

// everyKind is a configuration with every kind of integration.
const everyKind = `global:
  smtp_smarthost: 127.0.0.1:25
  smtp_from: onsale@example.com
  smtp_auth_username: onsale
  smtp_auth_password: SECRET-smtp
  opsgenie_api_url: http://user:SECRET-inline@127.0.0.1/
route:
  receiver: all
  routes:
    - matchers: [severity="info"]
      receiver: onsale
      active_time_intervals: [day]
receivers:
  - name: onsale
  - name: all
    discord_configs: [{webhook_url: 'http://127.0.0.1/api/webhooks/ID/SECRET-discord'}]
    email_configs: [{to: a@example.com, headers: {X-Key: SECRET-header}}]
    incidentio_configs: [{url: 'http://user:SECRET-password@127.0.0.1/?key=SECRET-query', http_config: {http_headers: {X-Key: {values: [SECRET-header]}}}, alert_source_token: SECRET-incident}]
    pagerduty_configs: [{routing_key: SECRET-pager, client_url: 'http://127.0.0.1/?key=SECRET-query', details: {a: SECRET-detail}}]
    slack_configs: [{api_url: 'http://127.0.0.1/SECRET-slack', channel: a}]
    webhook_configs: [{url: 'http://127.0.0.1/SECRET-webhook'}]
    opsgenie_configs: [{api_key: SECRET-opsgenie}]
    wechat_configs: [{api_secret: SECRET-wechat, corp_id: SECRET-corp}]
    pushover_configs: [{user_key: SECRET-user, token: SECRET-token}]
    victorops_configs: [{api_key: SECRET-victor, routing_key: SECRET-routing, custom_fields: {a: SECRET-field}}]
    sns_configs: [{topic_arn: 'arn:aws:sns:us-east-2:123456789012:a', sigv4: {region: us-east-2, access_key: SECRET-access, secret_key: SECRET-aws}}]
    telegram_configs: [{bot_token: SECRET-bot, chat_id: 1}]
    webex_configs: [{room_id: a, http_config: {authorization: {credentials: SECRET-webex}}}]
    msteams_configs: [{webhook_url: 'http://127.0.0.1/SECRET-teams'}]
    msteamsv2_configs: [{webhook_url: 'http://127.0.0.1/SECRET-teams2'}]
    jira_configs: [{api_url: 'http://127.0.0.1/', project: a, issue_type: Bug, http_config: {basic_auth: {username: SECRET-user, password: SECRET-jira}}}]
    rocketchat_configs: [{token_id: SECRET-id, token: SECRET-rocket, channel: a}]
    mattermost_configs: [{webhook_url: 'http://127.0.0.1/SECRET-matter'}]
inhibit_rules:
  - source_match: {severity: critical}
    target_match_re: {severity: warning|info}
time_intervals:
  - name: day
    time_intervals:
      - times: [{start_time: '06:00', end_time: '22:00'}]
`

func TestEveryKindOfIntegrationIsAccepted(t *testing.T) {
	t.Parallel()
	if _, err := alerting.New(withFile(t, options(t, newListener()), everyKind)); err != nil {
		t.Fatal(err)
	}
}

// The clock of a synctest bubble starts at midnight.
func TestRoutesAndTimeIntervalsInFileAreApplied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		m := run(t, withFile(t, options(t, r), `route:
  receiver: nobody
  group_wait: 2s
  group_interval: 5s
  routes:
    - matchers: [alertname=~"High.*"]
      receiver: onsale
      mute_time_intervals: [night]
receivers:
  - name: nobody
  - name: onsale
mute_time_intervals:
  - name: night
    time_intervals:
      - times: [{start_time: '00:00', end_time: '00:30'}]
`))
		m.fire(t, named("HighLatency"), named("InstanceDown"))
		time.Sleep(20 * time.Minute)
		r.want(t)
		time.Sleep(15 * time.Minute)
		r.want(t, "HighLatency firing")
	})
}

func FuzzFile(f *testing.F) {
	f.Add(everyKind)
	f.Add("route: {receiver: a}\nreceivers: [{name: a}, {name: a}]\n")
	f.Add("route: &r\n  receiver: a\n  routes: [*r]\nreceivers:\n- name: a\n")
	f.Add("receivers:\n  - name: a\n    discord_configs:\n      - webhook_url: http://%zz\n")
	f.Fuzz(func(t *testing.T, content string) {
		if strings.Contains(content, "_file") || strings.Contains(content, "templates") {
			return // the test must not depend on files of this machine
		}
		o := withFile(t, options(t, newListener()), content)
		if _, err := alerting.New(o); err != nil {
			if message := err.Error(); strings.Contains(message, "\n") || !strings.HasPrefix(message, o.ConfigFile+":") {
				t.Errorf("want one line that begins with the file, got %q", message)
			}
		}
	})
}
