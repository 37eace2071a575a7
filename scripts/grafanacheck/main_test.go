package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// check runs the command with the password of the fake, and returns its exit code and all that it wrote.
func check(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	var out bytes.Buffer
	getenv := func(name string) string { return map[string]string{"GF_SECURITY_ADMIN_PASSWORD": password}[name] }
	code = run(t.Context(), args, getenv, &out, &out)
	if strings.Contains(out.String(), password) {
		t.Errorf("the output has the password: %s", &out)
	}
	return code, out.String()
}

func TestGrafanaHasAll(t *testing.T) {
	t.Parallel()
	url := newFake(t).start(t)
	code, output := check(t, "-url", url+"/", "-files", files, "-inbox", url+"/inbox", "-alert", "HighDenialRate", "-timeout", "0")
	if code != 0 || !strings.Contains(output, "dashboards 3,") || !strings.Contains(output, "HighDenialRate was delivered") {
		t.Errorf("exit code %d, %s", code, output)
	}
}

// TestGrafanaLacksSomething: each line names what is wrong, and nothing else is.
func TestGrafanaLacksSomething(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(f *fake)
		want   string
	}{
		"no data source":          {func(f *fake) { delete(f.sources, "prometheus") }, "data source Prometheus: /api/datasources/uid/prometheus answered 404"},
		"another kind of source":  {func(f *fake) { f.sources["prometheus"]["type"] = "loki" }, "data source Prometheus is {UID:prometheus Name:Prometheus Type:loki"},
		"not the default source":  {func(f *fake) { f.sources["prometheus"]["isDefault"] = false }, "data source Prometheus is"},
		"a source out of reach":   {func(f *fake) { f.health = object{"status": "ERROR", "message": "connection refused"} }, `data source Prometheus: its health is "ERROR": connection refused`},
		"no dashboard":            {func(f *fake) { delete(f.dashboards, "onsale-items") }, "dashboard Items: /api/dashboards/uid/onsale-items answered 404"},
		"another title":           {func(f *fake) { f.dashboards["onsale-tickets"]["dashboard"].(object)["title"] = "Mine" }, "dashboard Tickets is Mine"},
		"a panel too few":         {func(f *fake) { cut(f.dashboards["onsale-tickets"]["dashboard"].(object), "panels") }, "dashboard Tickets has"},
		"a dashboard of the page": {func(f *fake) { f.dashboards["onsale-runtime"]["meta"].(object)["provisioned"] = false }, "does not come from a file"},
		"no rule": {func(f *fake) {
			f.rules = slices.DeleteFunc(f.rules, func(r object) bool { return r["title"] == "BooksDoNotBalance" })
		}, "alert rule BooksDoNotBalance is missing"},
		"a rule with another title": {func(f *fake) { f.rule("InstanceDown")["title"] = "Down" }, "alert rule InstanceDown is"},
		"a paused rule":             {func(f *fake) { f.rule("HighLatency")["isPaused"] = true }, "alert rule HighLatency is"},
		"a rule of nobody": {func(f *fake) {
			f.rules = append(f.rules, object{"uid": "x", "title": "Mine"})
		}, "alert rule Mine (x) is in no file"},
		"a rule that fails": {func(f *fake) {
			f.evaluation("HighCPU")["health"], f.evaluation("HighCPU")["lastError"] = "error", "parse error"
		}, "alert rule HighCPU cannot be evaluated: parse error"},
		"a rule that never ran": {func(f *fake) { f.evaluation("HighCPU")["lastEvaluation"] = "0001-01-01T00:00:00Z" }, "alert rule HighCPU is never evaluated"},
		"a rule that is not run": {func(f *fake) {
			f.evaluations = slices.DeleteFunc(f.evaluations, func(r object) bool { return r["name"] == "HighMemory" })
		}, "alert rule HighMemory is never evaluated"},
		"no contact point":         {func(f *fake) { f.contacts = f.contacts[:1] }, "contact point discord is missing"},
		"another kind of contact":  {func(f *fake) { f.contacts[1]["type"] = "slack" }, "contact point discord is missing"},
		"another policy":           {func(f *fake) { f.policy["receiver"] = "grafana-default-email" }, "the notification policy is {Receiver:grafana-default-email"},
		"another grouping":         {func(f *fake) { f.policy["group_by"] = []string{"alertname"} }, "the notification policy is"},
		"no notification":          {func(f *fake) { f.inbox = f.inbox[1:] }, "the notification that HighDenialRate fires is not in the inbox"},
		"a resolved one":           {func(f *fake) { f.inbox[0]["status"] = "resolved" }, "is not in the inbox"},
		"one that is not sent yet": {func(f *fake) { f.inbox[0]["delivery"] = object{"state": "delivering"} }, "fires is delivering"},
		"one that Discord refused": {func(f *fake) { f.inbox[0]["delivery"] = object{"state": "failed", "last_error": "answered 404"} }, "fires is failed (answered 404)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			c.change(f)
			url := f.start(t)
			code, output := check(t, "-url", url, "-files", files, "-inbox", url+"/inbox", "-alert", "HighDenialRate", "-timeout", "0")
			if code != 1 || !strings.Contains(output, c.want) || strings.Count(output, "\n") != 1 {
				t.Errorf("exit code %d, want 1 and one line with %q:\n%s", code, c.want, output)
			}
		})
	}
}

// cut removes the last element of a list.
func cut(o object, key string) {
	list := o[key].([]any)
	o[key] = list[:len(list)-1]
}

// TestGrafanaDoesNotAnswer checks that another server does not pass for a complete Grafana.
func TestGrafanaDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(w http.ResponseWriter) bool
		want   string
	}{
		"another password": {func(w http.ResponseWriter) bool { answer(w, http.StatusUnauthorized, object{}); return true }, "401: set GF_SECURITY_ADMIN_USER"},
		"still starting":   {func(w http.ResponseWriter) bool { answer(w, http.StatusServiceUnavailable, object{}); return true }, "answered 503, want 200"},
		"a login page": {func(w http.ResponseWriter) bool {
			w.Header().Set("Location", "/login")
			w.WriteHeader(http.StatusFound)
			return true
		}, "answered 302, want 200"},
		"a page":        {func(w http.ResponseWriter) bool { _, err := w.Write([]byte("<html>")); return err == nil }, "no JSON of the expected form"},
		"empty objects": {func(w http.ResponseWriter) bool { answer(w, http.StatusOK, object{}); return true }, `its health is ""`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.before = c.before
			code, output := check(t, "-url", f.start(t), "-files", files, "-timeout", "0")
			if code != 1 || !strings.Contains(output, c.want) {
				t.Errorf("exit code %d, want 1 and %q:\n%s", code, c.want, output)
			}
		})
	}
	if code, output := check(t, "-url", "http://127.0.0.1:1", "-files", files, "-timeout", "0"); code != 1 || !strings.Contains(output, "refused") {
		t.Errorf("nothing listens: exit code %d, %s", code, output)
	}
}

// TestGrafanaMustNotAlert: Prometheus has the rules, and Grafana would send everything twice.
func TestGrafanaMustNotAlert(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	all := f.rules
	f.rules, f.evaluations, f.contacts, f.policy = nil, nil, nil, nil
	args := []string{"-files", files, "-alerting", "none", "-timeout", "0", "-url"}
	if code, output := check(t, append(args, f.start(t))...); code != 0 {
		t.Errorf("without rules: exit code %d, %s", code, output)
	}
	f = newFake(t)
	f.rules = all[:1]
	if code, output := check(t, append(args, f.start(t))...); code != 1 || !strings.Contains(output, all[0]["title"].(string)+" (") {
		t.Errorf("with a rule: exit code %d, %s", code, output)
	}
}

// TestGrafanaMustNotEvaluate: it has the rules, and Prometheus sends the alerts.
func TestGrafanaMustNotEvaluate(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	args := []string{"-files", files, "-evaluates=false", "-timeout", "0", "-url", f.start(t)}
	if code, output := check(t, args...); code != 1 || strings.Count(output, "is evaluated: its alerts are sent twice\n") != len(f.rules) {
		t.Errorf("with evaluations: exit code %d, %s", code, output)
	}
	for _, e := range f.evaluations {
		e["lastEvaluation"], e["health"] = "0001-01-01T00:00:00Z", "unknown"
	}
	if code, output := check(t, args...); code != 0 {
		t.Errorf("without: exit code %d, %s", code, output)
	}
	f.evaluations = nil
	if code, output := check(t, args...); code != 0 {
		t.Errorf("without an answer about them: exit code %d, %s", code, output)
	}
}

// TestAlertingFromOtherFiles: Compose gives Grafana another contact point than the exported one.
func TestAlertingFromOtherFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "other.yaml"), []byte(`
contactPoints: [{name: onsale, receivers: [{uid: onsale-receiver, type: webhook}]}]
policies: [{receiver: onsale, group_by: [alertname]}]
`), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFake(t)
	args := []string{"-files", files, "-alerting", files + "/provisioning/alerting/rules.yaml," + dir, "-timeout", "0", "-url", f.start(t)}
	if code, output := check(t, args...); code != 1 || strings.Count(output, "\n") != 2 || !strings.Contains(output, "contact point onsale is missing") {
		t.Errorf("the exported contact point: exit code %d, %s", code, output)
	}
	f.contacts = append(f.contacts, object{"uid": "onsale-receiver", "name": "onsale", "type": "webhook"})
	f.policy = object{"receiver": "onsale", "group_by": []string{"alertname"}}
	if code, output := check(t, args...); code != 0 {
		t.Errorf("exit code %d, %s", code, output)
	}
}

// TestGrafanaNeedsTime: it answers before it has read its files.
func TestGrafanaNeedsTime(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.before = func(w http.ResponseWriter) bool {
		if f.asked.Add(1) > 8 {
			return false
		}
		answer(w, http.StatusNotFound, object{})
		return true
	}
	if code, output := check(t, "-url", f.start(t), "-files", files, "-timeout", "1m"); code != 0 {
		t.Errorf("exit code %d, %s", code, output)
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for want, args := range map[string][]string{
		"-url must be":                    {"-url", "localhost:3000"},
		"without a user":                  {"-url", "http://admin:" + "pw@127.0.0.1:3000"},
		"-inbox must be":                  {"-inbox", "inbox", "-alert", "X"},
		"-inbox and -alert go together":   {"-inbox", "http://127.0.0.1:9095/inbox"},
		"no arguments are expected":       {"deploy/grafana"},
		"no such file or directory":       {"-files", empty + "/none"},
		"has no .yaml":                    {"-files", files, "-alerting", empty},
		"must have alert rules":           {"-files", files, "-alerting", files + "/provisioning/datasources"},
		"flag provided but not defined":   {"-password", "x"},
		"invalid value \"soon\" for flag": {"-timeout", "soon"},
	} {
		if code, output := check(t, args...); code != 2 || !strings.Contains(output, want) {
			t.Errorf("%q: exit code %d, want 2 and %q:\n%s", args, code, want, output)
		}
	}
}
