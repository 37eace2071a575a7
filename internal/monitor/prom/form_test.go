package prom_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBodies sends bodies that are not small forms. It sets the directory for temporary
// files and checks that no file is left there.
func TestBodies(t *testing.T) {
	files := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, files)
	}
	r := start(t, options(t, newTarget(t)))
	const form = "application/x-www-form-urlencoded"
	upload, kind := multipartOf(t, 40<<20) // the library keeps 32 MB in memory and the rest in a file
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	_, _ = io.WriteString(zip, "query=up")
	_ = zip.Close()
	for name, c := range map[string]struct {
		method, query, kind, encoding string
		body                          io.Reader
		want                          int
	}{
		"form":                    {"POST", "", form, "", strings.NewReader("query=up"), 200},
		"form with charset":       {"POST", "", form + "; charset=UTF-8", "", strings.NewReader("query=up"), 200},
		"form in the URL":         {"POST", "?query=up", "", "", nil, 200},
		"form in both":            {"POST", "?time=1", form, "identity", strings.NewReader("query=up"), 200},
		"chunked form":            {"POST", "", form, "", io.MultiReader(strings.NewReader("query="), strings.NewReader("up")), 200},
		"large form":              {"POST", "", form, "", strings.NewReader("query=" + strings.Repeat("a", 64<<10)), 413},
		"large chunked form":      {"POST", "", form, "", io.MultiReader(strings.NewReader("query="), strings.NewReader(strings.Repeat("a", 1<<20))), 413},
		"upload":                  {"POST", "?query=up", kind, "", bytes.NewReader(upload), 413},
		"chunked upload":          {"POST", "?query=up", kind, "", io.MultiReader(bytes.NewReader(upload)), 415},
		"upload by GET":           {"GET", "?query=up", kind, "", io.MultiReader(bytes.NewReader(upload)), 415},
		"form by GET":             {"GET", "", form, "", strings.NewReader("query=up"), 415},
		"JSON":                    {"POST", "", "application/json", "", strings.NewReader(`{"query":"up"}`), 415},
		"no type":                 {"POST", "", "", "", strings.NewReader("query=up"), 415},
		"compressed form":         {"POST", "", form, "gzip", &packed, 415},
		"form with semicolon":     {"POST", "", form, "", strings.NewReader("query=up;time=1"), 400},
		"URL with semicolon":      {"GET", "?time=1;query=up", "", "", nil, 400},
		"query in both":           {"POST", "?query=up", form, "", strings.NewReader("query=up"), 400},
		"upload for a label":      {"GET", "/../label/job/values", kind, "", io.MultiReader(bytes.NewReader(upload)), 415},
		"upload for the rules":    {"GET", "/../rules", kind, "", io.MultiReader(bytes.NewReader(upload)), 415},
		"upload for the metadata": {"GET", "/../metadata", kind, "", io.MultiReader(bytes.NewReader(upload)), 415},
		"put":                     {"PUT", "?query=up", "", "", nil, 405},
		"trace":                   {"TRACE", "?query=up", "", "", nil, 405},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, strings.Replace(r.url+"/api/v1/query"+c.query, "/query/..", "", 1), c.body)
		if err != nil {
			t.Fatal(err)
		}
		for header, value := range map[string]string{"Content-Type": c.kind, "Content-Encoding": c.encoding} {
			if value != "" {
				request.Header.Set(header, value)
			}
		}
		response, err := testClient(t).Do(request)
		if err != nil {
			// The server closes the connection of a client that continues to send.
			if !strings.Contains(name, "upload") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if body := bodyOf(t, response, nil); response.StatusCode != c.want {
			t.Errorf("%s: answered %d, want %d: %.200s", name, response.StatusCode, c.want, body)
		}
	}
	if left, err := filepath.Glob(filepath.Join(files, "*multipart*")); err != nil || len(left) > 0 {
		t.Errorf("uploads were left behind: %v %v", left, err)
	}
}

// TestUnguardedUploadLeavesAFile is the negative control: parsing a multipart form without
// the guard leaves a file behind.
func TestUnguardedUploadLeavesAFile(t *testing.T) {
	files := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, files)
	}
	upload, kind := multipartOf(t, 40<<20)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(upload))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", kind)
	_ = request.WithContext(t.Context()).FormValue("query")
	left, err := os.ReadDir(files)
	if err != nil || len(left) == 0 {
		t.Errorf("no file was left behind, so TestBodies proves nothing: %v", err)
	}
}

func multipartOf(t *testing.T, size int) (body []byte, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("file", "large")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

// TestClientsOfPrometheusWork sends the requests of Grafana, promtool and the client
// library.
func TestClientsOfPrometheusWork(t *testing.T) {
	t.Parallel()
	r := start(t, options(t, newTarget(t)))
	r.is(t, "up", "1")
	form := url.Values{
		"query": {`histogram_quantile(0.95, sum by (le) (rate(request_duration_seconds_bucket{job="ticket_system"}[1m15s])))`},
		"start": {"1753999200"}, "end": {"1754020800"}, "step": {"15"},
	}
	for _, call := range []struct {
		name string
		form url.Values
	}{
		{"query_range", form},
		{"query", url.Values{"query": {"up"}, "time": {"1754020800.123"}, "timeout": {"30s"}, "stats": {"all"}, "limit": {"100"}, "lookback_delta": {"5m"}}},
		{"query", url.Values{"query": {"1+1"}}},
		{"series", url.Values{"match[]": {"up", `{__name__=~"request.*"}`}, "start": {"-9223309901257974"}, "end": {"9223309901257974.999"}}},
		{"series", url.Values{"match[]": {"up"}, "start": {"2026-01-01T00:00:00Z"}, "end": {"2026-01-01T01:00:00.5Z"}, "limit": {"40000"}}},
		{"labels", url.Values{"start": {"1753999200"}, "end": {"1754020800"}, "match[]": {`{job="ticket_system"}`}}},
		{"query_exemplars", form},
		{"format_query", url.Values{"query": {"sum(up)by(job)"}}},
		{"parse_query", url.Values{"query": {"sum(up)by(job)"}}},
	} {
		path := r.url + "/api/v1/" + call.name
		for method, send := range map[string]func() (*http.Response, error){
			"POST": func() (*http.Response, error) { return testClient(t).PostForm(path, call.form) },
			"GET":  func() (*http.Response, error) { return testClient(t).Get(path + "?" + call.form.Encode()) },
		} {
			response, err := send()
			if body := bodyOf(t, response, err); response.StatusCode != http.StatusOK {
				t.Errorf("%s %s: %d %s", method, call.name, response.StatusCode, body)
			}
		}
	}
	for _, path := range []string{
		"label/__name__/values?start=1753999200&end=1754020800", "label/job/values?match[]=up&limit=40001", "metadata?limit_per_metric=1&limit=10000",
		"rules?type=alert", "rules?match[]=%7Bjob%3D%22x%22%7D", "targets?state=active", "status/buildinfo", "status/tsdb?limit=20", "alerts",
	} {
		if status, body := r.get(t, "/api/v1/"+path); status != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
}
