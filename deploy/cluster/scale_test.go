//go:build cluster && linux

package cluster_test

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"onsale/internal/fault"
)

// scaleAt is the processor time of a replica above which the autoscaler adds one.
const scaleAt = "60m"

// testAutoscaler runs the load test of components/stress, with five times its users, for 75 s. The autoscaler
// adds replicas by the figures of metrics-server, and takes them away.
func (n *node) testAutoscaler(t *testing.T, m *manifests, s *shop) {
	t.Helper()
	if _, err := s.admin.SetFaults(t.Context(), fault.Off()); err != nil {
		t.Fatal(err)
	}
	await(t, "figures of metrics-server, and three replicas", 3*time.Minute, func() (string, bool) {
		replicas, figure := n.scale(t)
		return fmt.Sprintf("%d replicas, %q", replicas, figure), replicas == 3 && figure != ""
	})
	t.Logf("before the load:\n%s", n.kubectl(t, "top", "pods"))
	m.replace(t, "overlays/local/kustomization.yaml", "  - ../../components/networkpolicy\n",
		"  - ../../components/networkpolicy\n  - ../../components/stress\n")
	for old, now := range map[string]string{"--users=400": "--users=2000\n            - --yes", "--spawn-rate=40": "--spawn-rate=200", "--run-time=5m": "--run-time=75s"} {
		m.replace(t, "components/stress/job.yaml", old, now)
	}
	n.kubectl(t, "apply", "-k", m.overlay)

	most, figure := 3, ""
	await(t, "another replica", 3*time.Minute, func() (string, bool) {
		var replicas int
		replicas, figure = n.scale(t)
		n.stressLives(t)
		return fmt.Sprintf("%d replicas, %s", replicas, figure), replicas > 3
	})
	query := n.service(t, "prometheus") + "/api/v1/query?" + url.Values{"query": {`sum(rate(onsale_stress_requests_total[30s]))`}}.Encode()
	rate := 0.0
	await(t, "the figures of the load test in Prometheus", time.Minute, func() (string, bool) {
		var answer struct {
			Data struct{ Result []struct{ Value [2]any } }
		}
		if err := n.get(t.Context(), query, &answer); err != nil {
			return err.Error(), false
		}
		if len(answer.Data.Result) == 1 {
			text, _ := answer.Data.Result[0].Value[1].(string)
			rate, _ = strconv.ParseFloat(text, 64) // 0 if it is none
		}
		return fmt.Sprintf("%+v", answer), rate > 0
	})
	await(t, "the end of the load test", 4*time.Minute, func() (string, bool) {
		replicas, _ := n.scale(t)
		most = max(most, replicas)
		succeeded := n.stressLives(t)
		return fmt.Sprintf("%d of 4 workers have succeeded", succeeded), succeeded == 4
	})
	t.Logf("under a load of %.0f requests/s, by Prometheus's sum over the workers, the autoscaler read %s and went to %d replicas", rate, figure, most)
	await(t, "three replicas again", 4*time.Minute, func() (string, bool) {
		var replicas int
		replicas, figure = n.scale(t)
		return fmt.Sprintf("%d replicas, %s", replicas, figure), replicas == 3 && len(n.pods(t, "onsale")) == 3
	})
	t.Logf("after it, the autoscaler read %s and went back to 3 replicas", figure)
}

// stressLives returns how many workers of the load test have succeeded, and fails if one has failed.
func (n *node) stressLives(t *testing.T) (succeeded int) {
	t.Helper()
	var job struct {
		Status struct{ Succeeded, Failed int }
	}
	n.object(t, &job, "job", "stress")
	if job.Status.Failed > 0 {
		t.Fatalf("a worker failed:\n%s", n.kubectl(t, "logs", "-l", "app.kubernetes.io/name=stress", "--tail=40", "--prefix"))
	}
	return job.Status.Succeeded
}

// scale returns how many replicas the autoscaler wants, and the figure that it read last.
func (n *node) scale(t *testing.T) (replicas int, figure string) {
	t.Helper()
	var hpa struct {
		Status struct {
			DesiredReplicas int
			CurrentMetrics  []struct {
				Resource struct {
					Name    string
					Current struct{ AverageValue string }
				}
			}
		}
	}
	n.object(t, &hpa, "hpa", "onsale")
	for _, metric := range hpa.Status.CurrentMetrics {
		if metric.Resource.Name == "cpu" {
			figure = metric.Resource.Current.AverageValue
		}
	}
	return hpa.Status.DesiredReplicas, figure
}

// testAlert lets half of the purchases fail until an alert has gone from Prometheus through Alertmanager
// into the inbox of the receiver.
func (n *node) testAlert(t *testing.T, s *shop) {
	t.Helper()
	inbox := n.service(t, "receiver") + "/inbox"
	plan := fault.Plan{Routes: map[string]fault.RouteFaults{"/buy/{concert_id}": {Error: 0.5}}}
	if _, err := s.admin.SetFaults(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	r := n.startRush(t, s, 10, 100*time.Millisecond, true)
	want := []string{"AvailabilityBurnFast", "HighFailureRate"}
	await(t, "the alert's message", 5*time.Minute, func() (string, bool) {
		var answer struct {
			Notifications []struct {
				Time    time.Time
				Status  string
				Alerts  []string
				Summary string
			}
		}
		if err := n.get(t.Context(), inbox, &answer); err != nil {
			return err.Error(), false
		}
		for _, message := range answer.Notifications {
			if message.Status == "firing" && message.Time.After(began) && slices.ContainsFunc(message.Alerts, func(alert string) bool { return slices.Contains(want, alert) }) {
				t.Logf("%.0f s after the fault the receiver has %v: %s", message.Time.Sub(began).Seconds(), message.Alerts, message.Summary)
				return "", true
			}
		}
		return fmt.Sprintf("%+v", answer.Notifications), false
	})
	if _, err := s.admin.SetFaults(t.Context(), fault.Off()); err != nil {
		t.Fatal(err)
	}
	r.more(t, 20)
	r.end(t, s)
}
