//go:build world && linux

package compose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/dockertest"
	"onsale/internal/monitor/discord/discordtest"
)

// dataLimit is the time within which all panels have data, after all services are healthy.
const dataLimit = 30 * time.Second

// bottleneck is the exit code when the load tester was the bottleneck, as on a busy machine.
const bottleneck = 3

// TestCompose brings the Compose file up twice: with a webhook and the rules of Prometheus, and without one
// and with the rules of Grafana.
func TestCompose(t *testing.T) {
	s := newStack(t, dockertest.Start(t))
	exportRules(t, s)
	var webhook string
	s.hook, webhook = s.discord(t)
	s.up(t, map[string]string{"DISCORD_URL": webhook})
	s.healthy = time.Now()
	atOnce(t, s, map[string]func(*testing.T, *stack){
		"draws every panel":             testPanels,
		"is on loopback alone":          testPorts,
		"sells without a token":         testContract,
		"answers to its own name alone": testHost,
		"Prometheus sends":              func(t *testing.T, s *stack) { t.Helper(); testSender(t, s, 1, "false") },
		"watches a service of your own": testOwnTarget,
		"ALERTS must be known":          testUnknownSwitch,
	})
	atOnce(t, s, map[string]func(*testing.T, *stack){
		"reports a fault to Discord": testFault,
		"two containers only":        testTwoContainers,
	})

	began := time.Now()
	s.compose(t, "down")
	t.Logf("all is down after %s", time.Since(began).Round(time.Second))
	s.up(t, map[string]string{"DISCORD_URL": "", "ALERTS": "grafana"})
	atOnce(t, s, map[string]func(*testing.T, *stack){
		"keeps what it had":                      testKept,
		"Grafana sends":                          func(t *testing.T, s *stack) { t.Helper(); testSender(t, s, 0, "true") },
		"without a webhook the inbox is the end": testInbox,
		"is stressed":                            testStress,
	})
}

// atOnce runs tests at the same time, and waits for all.
func atOnce(t *testing.T, s *stack, tests map[string]func(*testing.T, *stack)) {
	t.Helper()
	t.Run("at_once", func(t *testing.T) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, s)
			})
		}
	})
}

// testPanels runs the query of each panel of each dashboard on the real Prometheus.
func testPanels(t *testing.T, s *stack) {
	t.Helper()
	prometheus := s.url(t, "prometheus", "9090")
	files, err := filepath.Glob("../grafana/dashboards/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("the dashboards are %v: %v", files, err)
	}
	missing, none := make(map[string]string), ""
	for _, file := range files {
		var d struct {
			Panels []struct {
				Title   string
				Targets []struct{ Expr, LegendFormat string }
			}
		}
		if err := json.Unmarshal(read(t, file), &d); err != nil {
			t.Fatal(err)
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				expr := strings.NewReplacer("$job", "ticket_system", "$window", "1m").Replace(q.Expr)
				// This line is for services that do not count purchases by outcome.
				if q.LegendFormat == "denied or sold out" {
					none = expr
					continue
				}
				missing[file+", "+p.Title+": "+expr] = expr
			}
		}
	}
	if len(missing) < 60 || none == "" {
		t.Fatalf("found %d queries, and %q: this test looks in the wrong place", len(missing), none)
	}
	poll(t, time.Until(s.healthy.Add(dataLimit)), func() string {
		var still []string
		for what, expr := range missing {
			if query(t, prometheus, expr) == "" {
				still = append(still, what)
				continue
			}
			delete(missing, what)
		}
		return strings.Join(still, "\n")
	})
	t.Logf("all panels have data %s after all is healthy", time.Since(s.healthy).Round(time.Second))
	if got := query(t, prometheus, none); got != "" {
		t.Errorf("the line of services without outcomes shows %s", got)
	}
}

// query returns the first value of an instant query that is a number, or the empty string.
func query(t *testing.T, prometheus, expr string) string {
	t.Helper()
	status, body := call(t, http.MethodGet, prometheus+"/api/v1/query?"+url.Values{"query": {expr}}.Encode(), "")
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		return "" // it may be starting
	}
	for _, series := range answer.Data.Result {
		if value, _ := series.Value[1].(string); value != "NaN" {
			return value
		}
	}
	return ""
}

// testPorts checks the published ports, and tries to connect to another address of this machine.
func testPorts(t *testing.T, s *stack) {
	t.Helper()
	ports := regexp.MustCompile(`(\S+):(\d+)->`).FindAllStringSubmatch(
		s.e.Docker(t, "ps", "--filter", "label=com.docker.compose.project="+s.project, "--format", "{{.Ports}}"), -1)
	if len(ports) != 5 {
		t.Errorf("published are %v, want 5 ports", ports)
	}
	for _, port := range ports {
		if port[1] != "127.0.0.1" {
			t.Errorf("published at %s", port[0])
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(s.e.Gateway(t), port[2])); err == nil {
			_ = conn.Close() // it should not be there
			t.Errorf("port %s answers at %s too", port[2], s.e.Gateway(t))
		}
		cancel()
	}
}

// testContract makes the calls of the earlier clients, which send no admin token.
func testContract(t *testing.T, s *stack) {
	t.Helper()
	api := s.url(t, "onsale", "8000")
	ask := func(want int, method, path, body string, headers ...string) string {
		t.Helper()
		status, text := call(t, method, api+path, body, append(headers, "Content-Type", "application/json")...)
		if status != want {
			t.Fatalf("%s %s: %d %s, want %d", method, path, status, text, want)
		}
		return text
	}
	made := ask(200, http.MethodPost, "/concerts/new", `{"title":"Opening night","date":"2027-06-01","venue":"Town hall","number_of_tickets":2}`)
	if got := field(t, made, "status"); got != "created" {
		t.Errorf("status %q", got)
	}
	concert := field(t, made, "id")
	bought := ask(200, http.MethodPost, "/buy/"+concert, `{"user_email":"ada@example.com","quantity":2}`)
	if field(t, bought, "status") != "success" || field(t, bought, "quantity") != "2" || field(t, bought, "concert_id") != concert {
		t.Errorf("bought %s", bought)
	}
	if text := ask(409, http.MethodPost, "/buy/"+concert, `{"user_email":"bob@example.com","quantity":1}`); field(t, text, "message") != "Concert sold out" {
		t.Errorf("got %s", text)
	}
	if text := ask(200, http.MethodGet, "/concerts", ""); !strings.HasPrefix(text, "[") || !strings.Contains(text, `"id":`+concert+`,`) {
		t.Errorf("the concerts are %.200s", text)
	}
	ask(200, http.MethodGet, "/health", "")
	token := field(t, ask(200, http.MethodPost, "/api/token", "", "User-ID", "ada"), "token")
	item := field(t, ask(201, http.MethodPost, "/api/items", `{}`, "Token", token, "User-ID", "ada"), "item_id")
	ask(200, http.MethodDelete, "/api/items/"+item, "", "Token", token, "User-ID", "ada")
	ask(403, http.MethodPost, "/api/items", `{}`)
	s.kept = purchase{concert, field(t, bought, "purchase_id")}
}

// testHost sends another host name, like a page of a site whose name resolves to 127.0.0.1.
func testHost(t *testing.T, s *stack) {
	t.Helper()
	for service, port := range map[string]string{"onsale": "8000", "receiver": "9095"} {
		base := s.url(t, service, port)
		if status, body := call(t, http.MethodGet, base+"/health", ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", service, status, body)
		}
		path, body := "/concerts/new", `{"title":"A","date":"B","venue":"C","number_of_tickets":1}`
		if service == "receiver" {
			path, body = "/alertmanager", notification("Evil")
		}
		for _, host := range []string{"rebound.example.com", "rebound.example.com:8000"} {
			status, text := call(t, http.MethodPost, base+path, body, "Host", host, "Content-Type", "application/json")
			if status < 400 || status >= 500 {
				t.Errorf("%s takes a request for %s: %d %s", service, host, status, text)
			}
		}
		// The same request is fine under a name without a dot.
		if status, text := call(t, http.MethodPost, base+path, body, "Host", "localhost:8000", "Content-Type", "application/json"); status != http.StatusOK {
			t.Errorf("%s under its own name: %d %s", service, status, text)
		}
	}
}

// testSender queries the Alertmanagers of Prometheus, and reads the settings of Grafana.
func testSender(t *testing.T, s *stack, alertmanagers int, grafana string) {
	t.Helper()
	prometheus := s.url(t, "prometheus", "9090")
	poll(t, patience, func() string {
		_, body := call(t, http.MethodGet, prometheus+"/api/v1/alertmanagers", "")
		if !strings.Contains(body, `"status":"success"`) || strings.Count(body, "http://alertmanager:9093/") != alertmanagers {
			return fmt.Sprintf("the Alertmanagers are %s, want %d", body, alertmanagers)
		}
		return ""
	})
	if env := s.inspect(t, "grafana", "{{json .Config.Env}}"); !strings.Contains(env, `"GF_UNIFIED_ALERTING_EXECUTE_ALERTS=`+grafana+`"`) {
		t.Errorf("Grafana does not have GF_UNIFIED_ALERTING_EXECUTE_ALERTS=%s: %s", grafana, env)
	}
	if status, body := call(t, http.MethodGet, s.url(t, "grafana", "3000")+"/api/health", ""); status != http.StatusOK {
		t.Errorf("Grafana: %d %s", status, body)
	}
}

// exportRules writes rules for a job of the user's own, as docs/compose.md does.
func exportRules(t *testing.T, s *stack) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "onsale"), "export", "rules", "--job", "shop")
	rules, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.rules, "shop.yml"), rules)
}

// testOwnTarget adds a target while Prometheus runs.
func testOwnTarget(t *testing.T, s *stack) {
	t.Helper()
	prometheus := s.url(t, "prometheus", "9090")
	const up = `up{job="shop",instance="receiver:9095"}`
	if got := query(t, prometheus, up); got != "" {
		t.Fatalf("the target exists before it is added: %s", got)
	}
	write(t, filepath.Join(s.targets, "shop.yml"), []byte("- targets: [\"receiver:9095\"]\n  labels: {job: shop}\n"))
	poll(t, patience, func() string {
		if got := query(t, prometheus, up); got != "1" {
			return "the target is not scraped: " + got
		}
		return ""
	})
	for _, job := range []string{"ticket_system", "shop"} {
		if _, body := call(t, http.MethodGet, prometheus+"/api/v1/rules?type=alert", ""); !strings.Contains(body, `job=\"`+job+`\"`) {
			t.Errorf("Prometheus has no rules for the job %s", job)
		}
	}
}

// testFault makes GET /concerts fail, and waits for the message.
func testFault(t *testing.T, s *stack) {
	t.Helper()
	faults := s.url(t, "onsale", "8000") + "/faults"
	set := func(plan string) {
		t.Helper()
		if status, body := call(t, http.MethodPut, faults, plan, "Content-Type", "application/json"); status != http.StatusOK {
			t.Fatalf("the plan: %d %s", status, body)
		}
	}
	began := time.Now()
	set(`{"routes":{"/concerts":{"error":1}}}`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	m, err := s.hook.Wait(ctx, func(m discordtest.Message) bool {
		return strings.HasPrefix(m.Title(), "[FIRING") && strings.Contains(m.Title(), "AvailabilityBurnFast")
	})
	if err != nil {
		t.Fatalf("no message at Discord: %v; there are %v", err, s.hook.Messages())
	}
	t.Logf("%q arrives %s after the fault", m.Title(), time.Since(began).Round(time.Second))
	set(`{"preset":"default"}`)
}

// testKept reads the purchase, the metrics and the inbox from before.
func testKept(t *testing.T, s *stack) {
	t.Helper()
	api := s.url(t, "onsale", "8000")
	status, body := call(t, http.MethodGet, api+"/purchases/"+s.kept.id, "")
	if status != http.StatusOK || field(t, body, "concert_id") != s.kept.concert {
		t.Errorf("the purchase is %d %s, want one of concert %s", status, body, s.kept.concert)
	}
	if got := query(t, s.url(t, "prometheus", "9090"), `max_over_time(ALERTS{alertname="AvailabilityBurnFast",alertstate="firing"}[10m])`); got != "1" {
		t.Errorf("Prometheus has forgotten that an alert fired: %q", got)
	}
	if _, body := call(t, http.MethodGet, s.url(t, "receiver", "9095")+"/inbox", ""); !strings.Contains(body, "AvailabilityBurnFast") {
		t.Errorf("the inbox has forgotten the message: %.300s", body)
	}
}

// notification is what Alertmanager posts about an alert.
func notification(alert string) string {
	return fmt.Sprintf(`{"version":"4","groupKey":"{}:{alertname=\"%s\"}","alerts":[{"status":"firing","labels":{"alertname":%[1]q,"severity":"warning"},
		"annotations":{},"startsAt":"2026-01-31T12:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":""}]}`, alert)
}

// testInbox lets Alertmanager send where there is no webhook.
func testInbox(t *testing.T, s *stack) {
	t.Helper()
	alerts := s.url(t, "alertmanager", "9093") + "/api/v2/alerts"
	if status, body := call(t, http.MethodPost, alerts, `[{"labels":{"alertname":"SeatsGone"}}]`, "Content-Type", "application/json"); status != http.StatusOK {
		t.Fatalf("Alertmanager: %d %s", status, body)
	}
	inbox := s.url(t, "receiver", "9095") + "/inbox"
	poll(t, patience, func() string {
		if _, body := call(t, http.MethodGet, inbox, ""); !strings.Contains(body, "SeatsGone") {
			return fmt.Sprintf("the inbox is %.300s", body)
		}
		return ""
	})
}

// testStress runs the load test, which Prometheus scrapes, and then a user's own test, whose flags
// replace those in compose.yaml.
func testStress(t *testing.T, s *stack) {
	t.Helper()
	stress(t, s)
	if got := query(t, s.url(t, "prometheus", "9090"), `sum(last_over_time(onsale_stress_requests_total[5m]))`); got == "" || got == "0" {
		t.Errorf("Prometheus counts %q requests of the load test", got)
	}
	stress(t, s, "stress", "--rate", "5/s", "--run-time", "1s", "--metrics-linger", "0s")
	if kept := s.compose(t, "run", "--rm", "--no-TTY", "--no-deps", "stress", "stress", "list"); strings.Count(kept, "tickets") != 2 {
		t.Errorf("the runs that are kept are, and should be two:\n%s", kept)
	}
}

// stress runs the load test with the command of compose.yaml, or with another one.
func stress(t *testing.T, s *stack, command ...string) {
	t.Helper()
	args := slices.Concat([]string{"run", "--rm", "--use-aliases", "--no-TTY", "--no-deps", "stress"}, command)
	report, err := s.command(t.Context(), args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == bottleneck {
		t.Log("this machine was too busy for the load test")
	} else if err != nil || !bytes.Contains(report, []byte("Verdict: Passed")) {
		t.Errorf("%v, and the report is:\n%s", err, report)
	}
}

// testUnknownSwitch checks that a wrong value of ALERTS starts nothing.
func testUnknownSwitch(t *testing.T, s *stack) {
	t.Helper()
	cmd := s.command(t.Context(), "config")
	cmd.Env = append(cmd.Env, "ALERTS=both")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "both.env") {
		t.Errorf("ALERTS=both: %v\n%s", err, out)
	}
}
