package app_test

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"onsale/internal/app"
	"onsale/internal/app/apptest"
	"onsale/internal/client"
	"onsale/internal/server"
)

// TestAdminTokens: every command rejects a token that is easy to guess or malformed, and no
// error shows the token.
func TestAdminTokens(t *testing.T) {
	t.Parallel()
	for token, ok := range map[string]bool{
		"":                           true,
		server.OpenToAll:             true,
		"0123456789abcdef":           true,
		"the-admins-token-etc":       true,
		"x":                          false,
		"none ":                      false,
		"None":                       false,
		"hunter2-hunter2":            false,
		"hunter2 and two more words": false,
		"hünter2-hünter2-hünter2":    false,
	} {
		checked := map[string]error{}
		serve := app.DefaultOptions()
		serve.AdminToken = token
		checked["serve"] = serve.Validate()
		monitor := app.DefaultMonitorOptions()
		monitor.Targets, monitor.AdminToken = []string{"http://127.0.0.1:1"}, token
		checked["monitor"] = monitor.Validate()
		receiver := app.DefaultReceiverOptions()
		receiver.AdminToken = token
		checked["receiver"] = receiver.Validate()
		if !ok {
			checked["stress --listen"] = stress(app.StressServersOptions{Listen: "127.0.0.1:0", AdminToken: token})
			checked["stress --metrics-addr"] = stress(app.StressServersOptions{MetricsAddr: "127.0.0.1:0", AdminToken: token})
		}
		for command, err := range checked {
			switch {
			case ok && err != nil:
				t.Errorf("%s with token %q: %v", command, token, err)
			case !ok && err == nil:
				t.Errorf("%s accepts the token %q", command, token)
			case !ok && (strings.Contains(err.Error(), "nter2") || !strings.Contains(err.Error(), "--admin-token-file")):
				t.Errorf("%s: %v", command, err)
			}
		}
	}
}

// stress returns the error of [app.NewStressServers].
func stress(o app.StressServersOptions) error {
	o.Logger = slog.New(slog.DiscardHandler)
	_, err := app.NewStressServers(o)
	return err
}

// TestAllowedHosts: a value that is not a host name is rejected with the name of the flag.
func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	for _, list := range [][]string{{"https://onsale.example.com"}, {"a.example", "b.example:8000"}, {""}, {"*"}} {
		serve := app.DefaultOptions()
		serve.AllowedHosts = list
		monitor := app.DefaultMonitorOptions()
		monitor.Targets, monitor.AllowedHosts = []string{"http://127.0.0.1:1"}, list
		for command, err := range map[string]error{
			"serve":   serve.Validate(),
			"monitor": monitor.Validate(),
			"stress":  stress(app.StressServersOptions{AllowedHosts: list}),
		} {
			if err == nil || !strings.Contains(err.Error(), "--allowed-hosts must ") {
				t.Errorf("%s %q: %v", command, list, err)
			}
		}
	}
}

// TestFrontOfUp sends requests to `onsale up` as a browser does for a page of another site,
// and as permitted clients do.
func TestFrontOfUp(t *testing.T) {
	t.Parallel()
	up := monitored()
	up.Users, up.Watch.ExternalURL = 0, "https://tickets.example.com:8443/"
	url := apptest.Start(t, func(o *app.Options) {
		o.AdminToken, o.AllowedHosts, o.Up = "", []string{"onsale.example.com"}, &up
	})
	apptest.Connect(t, url, client.Options{}) // waits until it is ready
	await(t, "the monitoring", func() bool { status, _ := get(t, url+"/-/ready"); return status == http.StatusOK })
	await(t, "a coverage of all alerts", func() bool {
		_, body := get(t, url+"/coverage")
		return strings.Contains(body, `"no_series":0,"unknown":0,"partly":0,"note":""`)
	})
	browser := &http.Client{Transport: new(http.Transport), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer browser.CloseIdleConnections()
	for _, c := range []struct {
		path, host, site string
		want             int
	}{
		{"/inbox", "evil.example", "same-origin", 421},
		{"/api/v2/silences", "evil.example", "", 421},
		{"/", "evil.example", "none", 421},
		{"/inbox", "onsale.example.com", "same-origin", 200},
		{"/inbox", "tickets.example.com", "same-origin", 200}, // the name of --external-url
		{"/inbox", "host.docker.internal:8000", "", 200},

		{"/api/v1/query?query=1", "", "cross-site", 403},
		{"/api/v2/alerts", "", "cross-site", 403},
		{"/inbox", "", "cross-site", 403},
		{"/coverage", "evil.example", "same-origin", 421},
		{"/coverage", "", "cross-site", 403},
		{"/coverage", "", "same-origin", 200},
		{"/metrics", "", "cross-site", 403},
		{"/stress/runs", "", "cross-site", 403},
		{"/crowd", "", "cross-site", 403},
		{"/inbox", "", "", 200},
		{"/inbox", "", "same-origin", 200},
		{"/metrics", "", "none", 200},
		{"/", "", "cross-site", 200},
		{"/ui/style.css", "", "same-origin", 200},
		{"/runbooks/HighFailureRate", "", "cross-site", 200},
		{"/graph?g0.expr=up", "", "cross-site", 302},
		{"/docs", "", "cross-site", 200},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = c.host
		if c.site != "" {
			request.Header.Set("Sec-Fetch-Site", c.site)
		}
		answer, err := browser.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != c.want || err != nil {
			t.Errorf("%s of %q, Sec-Fetch-Site %q: %s %.200s, %v, want %d", c.path, c.host, c.site, answer.Status, body, err, c.want)
		}
	}
}
