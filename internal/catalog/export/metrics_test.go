package export_test

import (
	"strings"
	"testing"

	"onsale/internal/catalog/export"
)

// TestMetricsPagesOfAllKinds reads pages as libraries and tools write them.
func TestMetricsPagesOfAllKinds(t *testing.T) {
	t.Parallel()
	const sample = `http_requests_total{endpoint="/a",status="200"} 5`
	for name, page := range map[string]string{
		"text":           sample + "\n",
		"no last line":   sample,
		"Windows":        sample + "\r\n",
		"timestamp":      sample + " 1700000000000\n",
		"blanks":         "\n" + `http_requests_total { endpoint = "/a" , status = "200" , }  5  ` + "\n\n",
		"braces":         `http_requests_total{endpoint="/buy/{id}, \"x\" # {",status="200"} 5`,
		"comments":       "# hello\n#\n# HELP a\n" + sample,
		"OpenMetrics":    "# TYPE http_requests counter\n" + sample + ` # {trace_id="a"} 1 1.7e9` + "\n# EOF\n",
		"announced":      "# TYPE http_requests_total counter\n",
		"announced so":   "# TYPE http_requests counter\n",
		"quoted":         `{"http_requests_total",endpoint="/a",status="200"} 5`,
		"not a number":   `http_requests_total{endpoint="/a",status="200"} NaN`,
		"infinite":       `http_requests_total{endpoint="/a",status="200"} +Inf`,
		"small and late": strings.Repeat("a_metric{a=\"b\"} 1e-3\n", 1000) + sample,
	} {
		o := exportFor(t, page)
		if got := strings.Join(alertsOf(rulesOf(t, o)), " "); !strings.Contains(got, "HighFailureRate") {
			t.Errorf("%s: http_requests_total is not found; the alerts are %s", name, got)
		}
	}
}

// TestInvalidMetricsPagesAreRejected checks that the error names the line.
func TestInvalidMetricsPagesAreRejected(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ page, want string }{
		"empty":         {"", "has no metrics"},
		"only comments": {"# nothing\n\n", "has no metrics"},
		"HTML":          {"<!doctype html>\n<title>Sign in</title>", "line 1 is not a metric"},
		"JSON":          {"up 1\n{\"status\":\"ok\"}\n", "line 2 is not a metric"},
		"no value":      {"up{a=\"b\"}\n", "line 1 is not a metric"},
		"a word":        {"up 1\nup yes\n", "line 2 is not a metric"},
		"open brace":    {`up{a="b" 1`, "line 1 is not a metric"},
		"long line":     {"up 1\n" + strings.Repeat("x", 2<<20), "line 2 is longer than"},
		"too large":     {strings.Repeat("#"+strings.Repeat("x", 1<<19)+"\n", 129), "is larger than"},
	} {
		if err := new(export.Metrics).Read(strings.NewReader(c.page)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", name, err, c.want)
		}
	}
}

// FuzzMetrics checks that any page gives a set to export or an error.
func FuzzMetrics(f *testing.F) {
	for _, page := range []string{earlier, idle, items, coded, process, atRest, "{\"a b\",c=\"d\"} 1", "# TYPE a histogram", "a{b=\"\\"} {
		f.Add(page)
	}
	f.Fuzz(func(t *testing.T, page string) {
		o := export.DefaultOptions()
		o.Metrics = new(export.Metrics)
		if o.Metrics.Read(strings.NewReader(page)) != nil {
			return
		}
		set, err := export.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := set.Rules(); err != nil {
			t.Fatal(err)
		}
	})
}
