package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// compare returns a line for each object that Grafana lacks or has in another state, and for each rule that it
// evaluates although it must not, or the reverse.
func (g *grafana) compare(ctx context.Context, want expected, evaluates bool) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, s := range want.sources {
		if got, err := g.source(ctx, s.UID); err != nil {
			complain("data source %s: %v", s.Name, err)
		} else if got != s {
			complain("data source %s is %+v, want %+v", s.Name, got, s)
		}
	}
	for _, d := range want.dashboards {
		switch got, provisioned, err := g.dashboard(ctx, d.UID); {
		case err != nil:
			complain("dashboard %s: %v", d.Title, err)
		case got.UID != d.UID || got.Title != d.Title:
			complain("dashboard %s is %s (%s), want the title %s and the UID %s", d.Title, got.Title, got.UID, d.Title, d.UID)
		case len(got.Panels) != len(d.Panels):
			complain("dashboard %s has %d panels, want %d", d.Title, len(got.Panels), len(d.Panels))
		case !provisioned:
			complain("dashboard %s does not come from a file", d.Title)
		}
	}
	wrong = append(wrong, g.compareRules(ctx, want.rules, evaluates)...)
	if len(want.rules) == 0 {
		return wrong
	}
	var contacts []contact
	if err := g.get(ctx, "/api/v1/provisioning/contact-points", &contacts); err != nil {
		complain("contact points: %v", err)
	} else {
		for _, c := range want.contacts {
			if !slices.Contains(contacts, c) {
				complain("contact point %s is missing: want %+v among %+v", c.Name, c, contacts)
			}
		}
	}
	var got policy
	for _, p := range want.policies {
		if err := g.get(ctx, "/api/v1/provisioning/policies", &got); err != nil {
			complain("notification policy: %v", err)
		} else if got.Receiver != p.Receiver || !slices.Equal(got.GroupBy, p.GroupBy) {
			complain("the notification policy is %+v, want %+v", got, p)
		}
	}
	return wrong
}

// compareRules returns a line for each alert rule that is missing, unexpected, or not evaluated as it should be.
func (g *grafana) compareRules(ctx context.Context, want []rule, evaluates bool) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	var got []rule
	if err := g.get(ctx, "/api/v1/provisioning/alert-rules", &got); err != nil {
		return []string{fmt.Sprintf("alert rules: %v", err)}
	}
	evaluations, err := g.evaluations(ctx)
	if err != nil {
		return []string{fmt.Sprintf("evaluations of the alert rules: %v", err)}
	}
	for _, r := range want {
		at := slices.IndexFunc(got, func(other rule) bool { return other.UID == r.UID })
		last, evaluated := evaluations[r.Title]
		switch {
		case at < 0:
			complain("alert rule %s is missing", r.Title)
		case got[at] != r:
			complain("alert rule %s is %+v, want %+v", r.Title, got[at], r)
		case r.IsPaused || !evaluates:
			if evaluated && !last.LastEvaluation.IsZero() {
				complain("alert rule %s is evaluated: its alerts are sent twice", r.Title)
			}
		case !evaluated || last.LastEvaluation.IsZero():
			complain("alert rule %s is never evaluated", r.Title)
		case last.Health == "error":
			complain("alert rule %s cannot be evaluated: %.300s", r.Title, last.LastError)
		}
	}
	for _, r := range got {
		if !slices.ContainsFunc(want, func(other rule) bool { return other.UID == r.UID }) {
			complain("alert rule %s (%s) is in no file", r.Title, r.UID)
		}
	}
	return wrong
}

// notified returns nothing once the inbox of Onsale has a notification that an alert fires, and its delivery is done.
func (g *grafana) notified(ctx context.Context, inbox, alert string) []string {
	var answer struct {
		Notifications []struct {
			Status   string
			Alerts   []string
			Delivery struct {
				State     string
				LastError string `json:"last_error"`
			}
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, inbox, http.NoBody)
	if err == nil {
		err = g.send(request, &answer)
	}
	if err != nil {
		return []string{fmt.Sprintf("inbox: %v", err)}
	}
	state := "not in the inbox"
	for _, n := range answer.Notifications {
		if n.Status != "firing" || !slices.Contains(n.Alerts, alert) {
			continue
		}
		switch n.Delivery.State {
		case "kept", "delivered":
			return nil
		default:
			state = fmt.Sprintf("%s (%.300s)", n.Delivery.State, n.Delivery.LastError)
		}
	}
	return []string{fmt.Sprintf("the notification that %s fires is %s", alert, state)}
}
