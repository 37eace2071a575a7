package app_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/app"
)

// validate checks the options of `onsale monitor` with these values of --target.
func validate(targets ...string) error {
	o := app.DefaultMonitorOptions()
	o.Targets = targets
	return o.Validate()
}

func TestTargetsThatAreAccepted(t *testing.T) {
	t.Parallel()
	for _, targets := range [][]string{
		{"127.0.0.1:8000"},
		{"shop:8000"},
		{"shop_1:8000/metrics"},
		{"[::1]:9100"},
		{"http://shop"},
		{"HTTP://Shop/"},
		{"https://shop.example/admin/metrics/"},
		{" http://shop:8000 "},
		{"http://a:1,b:2,https://c"},
		{"http://a:1", "http://a:1/other", "http://a:1?module=x", "https://a:1"},
		{"https://h/probe?module=x&collect[]=a&collect[]=b"},
		{"http://h/probe?collect=cpu,mem,disk,http://other"},
		{"h:9115/probe?target=https://shop.example/a"},
		{"http://h/m?user=a%40b"},
	} {
		if err := validate(targets...); err != nil {
			t.Errorf("%q is rejected: %v", targets, err)
		}
	}
}

func TestTargetsThatAreRejected(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                       "empty element",
		"a:1,,b:2":               "empty element",
		"a:1,":                   "empty element",
		" ":                      "empty element",
		"foo":                    "HOST:PORT",
		"foo/metrics":            "HOST:PORT",
		"foo:":                   "HOST:PORT",
		":8000":                  "HOST:PORT",
		"http://":                "HOST:PORT",
		"http://:8000":           "HOST:PORT",
		"http://foo:":            "with a port between 1 and 65535",
		"localhost:99999":        "with a port between 1 and 65535",
		"http://localhost:65536": "with a port between 1 and 65535",
		"localhost:0":            "with a port between 1 and 65535",
		"localhost:http":         "HOST:PORT",
		"localhost:-1":           "HOST:PORT",
		"ftp://foo:21":           "HOST:PORT",
		"unix:///run/sock":       "HOST:PORT",
		"//foo:80":               "HOST:PORT",
		"http//foo:80":           "HOST:PORT",
		"http:/foo:80":           "HOST:PORT",
		"a:1:2":                  "HOST:PORT",
		"::1":                    "HOST:PORT",
		"*:8000":                 "HOST:PORT",
		"a b:80":                 "HOST:PORT",
		"/metrics":               "HOST:PORT",
		"?module=x":              "HOST:PORT",
		"http://h/#top":          "fragment",
		"http://h/m?x=1#top":     "fragment",
		"http://h/a%2Fb":         "escaped",
		"http://h/m?x=%zz":       "query",
		"http://h/m?x;y":         "query",
		"http://u:hunter2@h/":    "--target-password-file",
		"http://h/m?hunter2@x":   "%40",
		"http://a:1,HTTP://A:1/": "twice",
		"http://a,a:80/metrics":  "twice",
		"http://a?x=1&y=2,http://a/metrics?y=2&x=1": "twice",
	} {
		err := validate(text)
		if err == nil || !strings.Contains(err.Error(), "--target") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if err := validate(); err == nil || !strings.Contains(err.Error(), "--target must name") || !strings.Contains(err.Error(), "--job") {
		t.Errorf("without a target: %v", err)
	}
}

// TestJobInPlaceOfTargets: a prometheus.yml is enough if --job names one of its jobs.
func TestJobInPlaceOfTargets(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(config, []byte("scrape_configs: [{job_name: shop, basic_auth: {username: u, password: hunter2}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ job, target, want string }{
		{"shop", "", ""},
		{"ticket_system", "", `"ticket_system" is not a scrape job of ` + config + `, which has "shop"`},
		{"shop", "127.0.0.1:1", `job "shop" has the name of the built-in job`},
		{"other", "127.0.0.1:1", ""},
	} {
		o := app.DefaultMonitorOptions()
		o.Watch.PrometheusConfig, o.Watch.Settings.Job = config, c.job
		if c.target != "" {
			o.Targets = []string{c.target}
		}
		err := o.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("--job %s --target %q: %v, want %q", c.job, c.target, err, c.want)
		}
	}
}
