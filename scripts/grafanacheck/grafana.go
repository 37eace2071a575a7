package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// answerLimit bounds one answer.
	answerLimit = 10 * time.Second
	// maxAnswer bounds its body, in bytes. The longest is the list of alert rules, some 100 kB.
	maxAnswer = 16 << 20
)

// grafana is the HTTP API of one.
type grafana struct {
	url, user, password string
	client              *http.Client
}

func newGrafana(address, user, password string) *grafana {
	if user == "" {
		user = "admin"
	}
	return &grafana{strings.TrimSuffix(address, "/"), user, password, &http.Client{
		Timeout:   answerLimit,
		Transport: new(http.Transport),
		// A redirect goes to the login page.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// get decodes the answer of Grafana to a path. The error names the path, and never the password.
func (g *grafana) get(ctx context.Context, path string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+path, http.NoBody)
	if err != nil {
		return err
	}
	if g.password != "" {
		request.SetBasicAuth(g.user, g.password)
	}
	return g.send(request, into)
}

// send sends a request and decodes the answer.
func (g *grafana) send(request *http.Request, into any) error {
	answer, err := g.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("read the answer to %s: %w", request.URL.Path, err)
	case answer.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s answered 401: set GF_SECURITY_ADMIN_USER and GF_SECURITY_ADMIN_PASSWORD to those of Grafana", request.URL.Path)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s answered %d, want 200: %.300s", request.URL.Path, answer.StatusCode, bytes.TrimSpace(body))
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s answered no JSON of the expected form: %w", request.URL.Path, err)
	}
	return nil
}

// source returns a data source, and an error unless Grafana reaches it.
func (g *grafana) source(ctx context.Context, uid string) (source, error) {
	var got source
	path := "/api/datasources/uid/" + url.PathEscape(uid)
	if err := g.get(ctx, path, &got); err != nil {
		return got, err
	}
	var health struct{ Status, Message string }
	if err := g.get(ctx, path+"/health", &health); err != nil {
		return got, err
	}
	if health.Status != "OK" {
		return got, fmt.Errorf("its health is %q: %.300s", health.Status, health.Message)
	}
	return got, nil
}

// dashboard returns a dashboard, and whether it comes from a file.
func (g *grafana) dashboard(ctx context.Context, uid string) (got dashboard, provisioned bool, err error) {
	var answer struct {
		Dashboard dashboard
		Meta      struct{ Provisioned bool }
	}
	err = g.get(ctx, "/api/dashboards/uid/"+url.PathEscape(uid), &answer)
	return answer.Dashboard, answer.Meta.Provisioned, err
}

// evaluation is how the last evaluation of a rule went.
type evaluation struct {
	Name           string
	Health         string
	LastError      string
	LastEvaluation time.Time
}

// evaluations returns the rules that Grafana evaluates, by their titles.
func (g *grafana) evaluations(ctx context.Context) (map[string]evaluation, error) {
	var answer struct {
		Data struct {
			Groups []struct{ Rules []evaluation }
		}
	}
	if err := g.get(ctx, "/api/prometheus/grafana/api/v1/rules", &answer); err != nil {
		return nil, err
	}
	all := make(map[string]evaluation)
	for _, group := range answer.Data.Groups {
		for _, r := range group.Rules {
			all[r.Name] = r
		}
	}
	return all, nil
}
