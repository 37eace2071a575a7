package alerting_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// silence mutes the alerts of one name for an hour, through the API.
func (r running) silence(t *testing.T, name string) (id string) {
	t.Helper()
	status, answer := r.call(t, http.MethodPost, "/api/v2/silences", silenceOf(name, "a test"))
	if status != http.StatusOK {
		t.Fatalf("creating the silence answered %d: %s", status, answer)
	}
	var made struct {
		SilenceID string `json:"silenceID"`
	}
	if err := json.Unmarshal([]byte(answer), &made); err != nil {
		t.Fatal(err)
	}
	return made.SilenceID
}

func silenceOf(name, comment string) string {
	now := time.Now().UTC()
	return fmt.Sprintf(`{"matchers":[{"name":"alertname","value":%q,"isRegex":false,"isEqual":true}],"startsAt":%q,"endsAt":%q,"createdBy":"test","comment":%q}`,
		name, now.Format(time.RFC3339Nano), now.Add(time.Hour).Format(time.RFC3339Nano), comment)
}

func TestSilenceMutesAndSurvivesARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		o := options(t, r)
		m := run(t, o)
		m.silence(t, "InstanceDown")
		m.fire(t, named("InstanceDown"), named("HighLatency"))
		time.Sleep(3 * interval)
		r.want(t, "HighLatency firing")
		m.stop()

		m = run(t, o)
		m.fire(t, named("InstanceDown"))
		time.Sleep(3 * interval)
		r.want(t, "HighLatency firing")
		if groups := m.get(t, "/api/v2/alerts/groups"); !strings.Contains(groups, `"state":"suppressed"`) {
			t.Errorf("the group is not shown as suppressed: %s", groups)
		}
	})
}

func TestExpiredSilenceMutesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		m := run(t, options(t, r))
		id := m.silence(t, "InstanceDown")
		m.fire(t, named("InstanceDown"))
		time.Sleep(3 * interval)
		r.want(t)
		if status, answer := m.call(t, http.MethodDelete, "/api/v2/silence/"+id, ""); status != http.StatusOK {
			t.Fatalf("expiring answered %d: %s", status, answer)
		}
		time.Sleep(2 * interval)
		r.want(t, "InstanceDown firing")
	})
}

func TestSilenceSizeIsLimited(t *testing.T) {
	t.Parallel()
	m := run(t, options(t, newListener()))
	for length, want := range map[int]int{100: http.StatusOK, 10 << 10: http.StatusBadRequest, 2 << 20: http.StatusRequestEntityTooLarge} {
		status, answer := m.call(t, http.MethodPost, "/api/v2/silences", silenceOf("InstanceDown", strings.Repeat("x", length)))
		if status != want && (want != http.StatusRequestEntityTooLarge || status < 400) {
			t.Errorf("a silence with a comment of %d bytes: answered %d, want %d: %s", length, status, want, answer)
		}
	}
}

func TestFastBurnInhibitsSlowBurnOfTheSameObjective(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		m := run(t, options(t, r))
		fast := named("AvailabilityBurnFast", "slo", "availability")
		slow, other := named("BudgetBurnSlow", "slo", "availability"), named("BudgetBurnSlow", "slo", "latency")
		m.fire(t, fast, slow, other)
		time.Sleep(wait + interval/2) // between two flushes
		fired := []string{"AvailabilityBurnFast/availability firing", "BudgetBurnSlow/latency firing"}
		if got := r.messages(); len(got) != 2 || !strings.Contains(strings.Join(fired, "|"), got[0]) {
			t.Fatalf("got %q, want %q in any order", got, fired)
		}
		m.resolve(t, fast, slow, other)
		time.Sleep(2 * interval)
		got := strings.Join(r.messages(), "|")
		for _, want := range []string{"AvailabilityBurnFast/availability resolved", "BudgetBurnSlow/latency resolved"} {
			if !strings.Contains(got, want) {
				t.Errorf("got %q, want it to include %q", got, want)
			}
		}
		if strings.Contains(got, "BudgetBurnSlow/availability") {
			t.Errorf("sent a resolved alert that was inhibited while it fired: %q", got)
		}
	})
}

func TestResolvedAlertThatWasNeverSentIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		m := run(t, options(t, r))
		fast := named("AvailabilityBurnFast", "slo", "a")
		slow, other := named("BudgetBurnSlow", "slo", "a"), named("BudgetBurnSlow", "slo", "b")
		m.fire(t, fast, slow, other)
		time.Sleep(wait + interval/2) // between two flushes
		before := len(r.messages())
		m.resolve(t, slow)
		m.resolve(t, fast)
		time.Sleep(3 * interval)
		got := r.messages()[before:]
		if len(got) != 1 || got[0] != "AvailabilityBurnFast/a resolved" {
			t.Fatalf("got %q, want only the resolved fast burn", got)
		}
	})
}

func TestResolvedIsSentAfterARestartIfFiringWasSentBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newListener()
		o := options(t, r)
		m := run(t, o)
		a, b := named("InstanceDown", "slo", "a"), named("InstanceDown", "slo", "b")
		m.fire(t, a, b)
		time.Sleep(wait + time.Second)
		m.stop()
		m = run(t, o)
		m.fire(t, a, b)
		time.Sleep(interval / 2)
		m.resolve(t, a)
		time.Sleep(2 * interval)
		r.want(t, "InstanceDown/a firing, InstanceDown/b firing", "InstanceDown/a resolved, InstanceDown/b firing")
	})
}

func TestAmtoolWorks(t *testing.T) {
	t.Parallel()
	amtool, err := exec.LookPath("amtool")
	if err != nil {
		t.Fatalf("this test needs amtool; on Debian, install the package prometheus-alertmanager: %v", err)
	}
	r := newListener()
	o := options(t, r)
	o.GroupWait, o.GroupInterval = 50*time.Millisecond, 100*time.Millisecond
	m := run(t, o)
	api := httptest.NewServer(m.Handler())
	defer api.Close()
	tool := func(args ...string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), amtool, append([]string{"--alertmanager.url=" + api.URL}, args...)...)
		var stderr strings.Builder
		command.Stderr = &stderr // amtool warns here that it is older than the server
		out, err := command.Output()
		if err != nil {
			t.Fatalf("amtool %s: %v: %s%s", strings.Join(args, " "), err, out, &stderr)
		}
		return strings.TrimSpace(string(out))
	}
	if shown := tool("config", "show"); !strings.Contains(shown, "receiver: onsale") {
		t.Errorf("amtool does not show the configuration: %s", shown)
	}
	id := tool("silence", "add", "--author=test", "--comment=a test", "--duration=1h", "alertname=InstanceDown")
	if silences := tool("silence", "query"); !strings.Contains(silences, id) {
		t.Errorf("amtool does not find silence %s: %s", id, silences)
	}
	m.fire(t, named("InstanceDown"), named("HighLatency"))
	<-r.signal
	r.want(t, "HighLatency firing")
	if alerts := tool("alert", "query", "--silenced"); !strings.Contains(alerts, "InstanceDown") {
		t.Errorf("amtool does not show the silenced alert: %s", alerts)
	}
	tool("silence", "expire", id)
	<-r.signal
	r.want(t, "HighLatency firing", "InstanceDown firing")
}
