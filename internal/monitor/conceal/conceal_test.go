package conceal_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	alertmanager "github.com/prometheus/alertmanager/config"
	prometheus "github.com/prometheus/prometheus/config"
	"go.yaml.in/yaml/v3"

	"onsale/internal/monitor/conceal"
)

// In these files each secret contains SECRET, and each value that must be shown contains
// plain.
const (
	promFile = `
global:
  scrape_interval: 7s
  external_labels: {cluster: plain-cluster, api_key: SECRET-label}
scrape_configs:
  - job_name: plain-job
    metrics_path: /plain-path?token=SECRET-path
    scheme: https
    params: {plain-param: [SECRET-param], token: ['12345SECRET']}
    basic_auth: {username: SECRET-user, password: SECRET-password}
    proxy_url: http://SECRET:SECRET@plain-proxy:3128/?SECRET
    proxy_connect_header: {X-Proxy: [SECRET-proxy]}
    tls_config: {ca_file: plain-ca.pem, insecure_skip_verify: true}
    http_headers:
      X-Plain: {values: [SECRET-value], secrets: [SECRET-secret], files: [SECRET-file]}
    static_configs:
      - targets: ['plain-target:9090', 'user:SECRET@plain-host:9090']
        labels: {team: plain-team, __param_key: SECRET-param, access_token: SECRET-token}
    relabel_configs:
      - {target_label: __param_auth, replacement: SECRET-replacement}
      - {source_labels: [__param_x], regex: SECRET-regex, action: keep}
      - {source_labels: [__address__], regex: 'plain-regex:(.*)', target_label: plain_label, replacement: 'plain-$1'}
  - job_name: plain-oauth
    oauth2:
      client_id: SECRET-id
      client_secret: SECRET-secret
      token_url: https://plain-issuer/token?key=SECRET
      endpoint_params: {plain: SECRET-endpoint}
      scopes: [plain-scope]
`
	amFile = `
global:
  smtp_smarthost: plain-host:25
  smtp_from: plain@example.com
  smtp_auth_username: SECRET-user
  smtp_auth_password: SECRET-password
  opsgenie_api_url: https://SECRET:SECRET@plain-opsgenie/?key=SECRET
  victorops_api_key: SECRET-victor
  http_config:
    http_headers: {X-Plain: {values: [SECRET-value]}}
route:
  receiver: plain-receiver
  group_by: [alertname]
  routes: [{receiver: plain-receiver, match: {plain: plain-match}, group_wait: 7s, mute_time_intervals: [plain-night]}]
receivers:
  - name: plain-receiver
    labels: {team: plain-team, api_key: SECRET-label}
    pagerduty_configs: [{routing_key: SECRET-pager, client_url: 'https://plain-client/?k=SECRET', details: {plain: SECRET-detail, pin: 123456, deep: {plain: [SECRET-deep]}}}]
    victorops_configs: [{routing_key: SECRET-routing, custom_fields: {plain: SECRET-custom}}]
    email_configs: [{to: plain-to@example.com, headers: {Subject: SECRET-header}}]
    opsgenie_configs: [{api_key: SECRET-genie, details: {plain: SECRET-detail}, responders: [{type: team, name: plain-responder}], tags: SECRET-tags}]
    slack_configs: [{api_url: 'http://127.0.0.1/SECRET', channel: plain-channel, username: SECRET-name, fields: [{title: SECRET-title, value: SECRET-field, short: true}], actions: [{type: button, text: SECRET-action, url: 'https://x/SECRET'}]}]
    webhook_configs: [{url: 'http://127.0.0.1/SECRET'}]
    pushover_configs: [{user_key: SECRET-key, token: SECRET-token, expire: 1h, retry: 1m}]
    sns_configs: [{topic_arn: 'arn:aws:sns:us-east-2:123456789012:plain', sigv4: {region: us-east-2, access_key: SECRET-access, secret_key: SECRET-aws}, attributes: {plain: SECRET-attribute}}]
    telegram_configs: [{bot_token: SECRET-bot, chat_id: -100123, parse_mode: HTML}]
    jira_configs: [{api_url: 'http://SECRET:SECRET@plain-jira/', project: plain-project, issue_type: Bug, labels: [plain-jira-label], fields: {plain: SECRET-field, n: 7}}]
    webex_configs: [{room_id: SECRET-room, http_config: {authorization: {credentials: SECRET-webex}}}]
time_intervals:
  - name: plain-night
    time_intervals: [{times: [{start_time: '06:00', end_time: '22:00'}], weekdays: ['monday:friday'], location: UTC}]
`
)

// plainWords returns the values of a file that must be shown.
func plainWords(t *testing.T, file string) []string {
	t.Helper()
	var words []string
	for _, word := range strings.FieldsFunc(file, func(r rune) bool { return strings.ContainsRune(" \n'[]{},:/?@", r) }) {
		if strings.HasPrefix(word, "plain-") {
			words = append(words, word)
		}
	}
	return words
}

func check(t *testing.T, file, text string) (shown string, hidden []string) {
	t.Helper()
	shown, hidden, err := conceal.YAML(text)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(shown, "SECRET") || strings.Contains(shown, "123456\n") {
		t.Errorf("a secret is shown:\n%s", shown)
	}
	for _, word := range plainWords(t, file) {
		if !strings.Contains(shown, word) {
			t.Errorf("%s is hidden:\n%s", word, shown)
		}
	}
	return shown, hidden
}

func TestPrometheusIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	loaded, err := prometheus.Load(promFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(loaded.String(), "SECRET-param") || !strings.Contains(loaded.String(), "SECRET-value") {
		t.Fatal("the library hides params and headers itself, so this test proves nothing")
	}
	shown, hidden := check(t, promFile, loaded.String())
	if _, err := prometheus.Load(shown, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("the library cannot load the shown configuration: %v\n%s", err, shown)
	}
	texts := conceal.NewTexts(hidden)
	if got := texts.Clean(`with SECRET-value and SECRET-param, Get "https://u:SECRET@h/p?a=SECRET"`); strings.Contains(got, "SECRET") {
		t.Errorf("a text has %s", got)
	}
	if !strings.Contains(loaded.String(), "SECRET-param") {
		t.Error("the configuration itself was changed")
	}
}

// amtool parses the shown configuration, so it must stay valid.
func TestAlertmanagerIsShownWithoutSecrets(t *testing.T) {
	t.Parallel()
	loaded, err := alertmanager.Load(amFile)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(loaded.String(), "SECRET-detail") {
		t.Fatal("the library hides details itself, so this test proves nothing")
	}
	shown, _ := check(t, amFile, loaded.String())
	if _, err := alertmanager.Load(shown); err != nil {
		t.Errorf("the library cannot load the shown configuration: %v\n%s", err, shown)
	}
}

// A field that is in no list is hidden, whatever its name.
func TestUnknownFieldsAreHidden(t *testing.T) {
	t.Parallel()
	shown, _, err := conceal.YAML("brand_new: {a: SECRET, b: [SECRET, {c: SECRET}], n: 5, on: true}\nglobal: {brand_new: SECRET, n: 7, d: [SECRET]}\n")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]map[string]any
	if err := yaml.Unmarshal([]byte(shown), &got); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(shown, "SECRET") || fmt.Sprint(got["brand_new"]["n"]) != conceal.Hidden || fmt.Sprint(got["brand_new"]["on"], got["global"]["n"]) != "true 7" {
		t.Errorf("shown as\n%s", shown)
	}
}

func TestAnswersOfTargets(t *testing.T) {
	t.Parallel()
	const told = `{"status":"success","data":{"activeTargets":[{"discoveredLabels":{"__address__":"u:SECRET@h:1","__param_token":"SECRET","__scheme__":"http","my_password":"SECRET","__metrics_path__":"/m?x=SECRET"},` +
		`"labels":{"instance":"u:SECRET@h:1","job":"j","api_key":"SECRET"},"scrapeUrl":"http://u:SECRET@h:1/metrics?module=SECRET","globalUrl":"http://h:1/metrics?module=SECRET",` +
		`"lastError":"Get \"http://h:1/metrics?token=SECRET\": connection refused","lastScrapeDuration":0.0012345678901234567,"health":"down"}],` +
		`"droppedTargets":[{"discoveredLabels":{"__param_x":"SECRET","job":"j"}}]}}`
	h := conceal.Answers(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Error("the request still accepts compression")
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(told))
	}))
	r, w := httptest.NewRequest(http.MethodGet, "/", http.NoBody), httptest.NewRecorder()
	r.Header.Set("Accept-Encoding", "gzip")
	h.ServeHTTP(w, r)
	body := w.Body.String()
	if w.Code != http.StatusAccepted || w.Header().Get("Content-Type") != "application/json" || !json.Valid(w.Body.Bytes()) || strings.Contains(body, "SECRET") {
		t.Errorf("%d %v %s", w.Code, w.Header(), body)
	}
	for _, part := range []string{`"__scheme__":"http"`, `"job":"j"`, `"lastScrapeDuration":0.0012345678901234567`, `h:1/metrics`, "connection refused", `"__param_token":"<secret>"`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is missing in %s", part, body)
		}
	}
}

// After a panic of the library, which net/http recovers, the next call is answered.
func TestNextCallWorksAfterAPanic(t *testing.T) {
	t.Parallel()
	broken := true
	h := conceal.Answers(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken {
			panic("broken")
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	ask := func() (w *httptest.ResponseRecorder) {
		w = httptest.NewRecorder()
		defer func() { _ = recover() }()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		return w
	}
	ask()
	broken = false
	if w := ask(); w.Body.String() != "{}\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestLongErrorsOfScrapesAreCut: anyone can request them, and the page polls them.
func TestLongErrorsOfScrapesAreCut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ told, want string }{
		"short":    {"server returned HTTP status 500", "server returned HTTP status 500"},
		"long":     {"while parsing: " + strings.Repeat("é", 1<<20), "while parsing: " + strings.Repeat("é", 2040) + "…"},
		"a secret": {`Get "http://h/?key=hUNTER2": ` + strings.Repeat("x", 1<<20), `Get "http://h/?***": ` + strings.Repeat("x", 4096-29) + "…"},
		"cut off":  {strings.Repeat("x", 4080) + " http://u:123456789@h/", strings.Repeat("x", 4080) + " http://***"},
	} {
		body, err := json.Marshal(map[string]any{"activeTargets": []any{map[string]string{"lastError": c.told}}})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			ActiveTargets []struct{ LastError string }
		}
		if err := json.Unmarshal(conceal.JSON(body), &got); err != nil || got.ActiveTargets[0].LastError != c.want {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(got.ActiveTargets[0].LastError), err, len(c.want))
		}
	}
}
