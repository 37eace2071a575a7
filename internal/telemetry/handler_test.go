package telemetry_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"onsale/internal/telemetry"
)

// The Accept headers of Prometheus and curl.
const (
	acceptProtobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	acceptOpenMetrics = "application/openmetrics-text;version=1.0.0"
	acceptText        = "text/plain;version=0.0.4"
	acceptPrometheus  = acceptProtobuf + ";q=0.6," + acceptOpenMetrics + ";q=0.5," + acceptText + ";q=0.4"
)

// scrape requests the metrics from h; headers alternate between names and values.
func scrape(t *testing.T, h http.Handler, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, req)
	return rec
}

// served returns a handler whose registry has one observed request of 2.2 s.
func served() http.Handler {
	reg := telemetry.NewRegistry(testBuild())
	telemetry.NewHTTP(reg, testRoutes()).Observe("POST", "/buy/{concert_id}", 200, 2.2)
	return telemetry.Handler(reg, quiet())
}

func TestTextFormats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, accept, contentType, line, end string
	}{
		{
			"no Accept header", "", "text/plain; version=0.0.4",
			`request_duration_seconds_bucket{le="5"} 1`, "\n",
		},
		{
			"plain text", acceptText, "text/plain; version=0.0.4",
			`request_duration_seconds_bucket{le="5"} 1`, "\n",
		},
		{
			"openmetrics", acceptOpenMetrics, "application/openmetrics-text; version=1.0.0",
			`request_duration_seconds_bucket{le="5.0"} 1`, "# EOF\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rec := scrape(t, served(), "Accept", c.accept)
			if rec.Code != http.StatusOK || !strings.HasPrefix(rec.Header().Get("Content-Type"), c.contentType) {
				t.Errorf("got %d %q, want 200 %s", rec.Code, rec.Header().Get("Content-Type"), c.contentType)
			}
			body := rec.Body.String()
			if !strings.Contains(body, "\n"+c.line+"\n") || !strings.HasSuffix(body, c.end) {
				t.Errorf("want a line %q and the end %q in\n%s", c.line, c.end, body)
			}
		})
	}
}

// Only protobuf has native histograms. A Prometheus that wants them prefers it over the
// other formats.
func TestProtobufCarriesNativeHistograms(t *testing.T) {
	t.Parallel()
	for name, accept := range map[string]string{"alone": acceptProtobuf, "preferred": acceptPrometheus} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := scrape(t, served(), "Accept", accept)
			format := expfmt.ResponseFormat(rec.Header())
			if format.FormatType() != expfmt.TypeProtoDelim {
				t.Fatalf("Content-Type is %q, want delimited protobuf", rec.Header().Get("Content-Type"))
			}
			h := decode(t, rec.Body, format)["request_duration_seconds"].GetMetric()[0].GetHistogram()
			if len(h.GetPositiveSpan()) == 0 || len(h.GetBucket()) == 0 || h.GetSampleCount() != 1 {
				t.Errorf("want 1 observation in native and classic buckets, got %v", h)
			}
		})
	}
}

// decode reads the metric families of an answer by name.
func decode(t *testing.T, body io.Reader, format expfmt.Format) map[string]*dto.MetricFamily {
	t.Helper()
	families := make(map[string]*dto.MetricFamily)
	for decoder := expfmt.NewDecoder(body, format); ; {
		var f dto.MetricFamily
		err := decoder.Decode(&f)
		if errors.Is(err, io.EOF) {
			return families
		}
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		families[f.GetName()] = &f
	}
}

func TestGzipOnRequest(t *testing.T) {
	t.Parallel()
	rec := scrape(t, served(), "Accept-Encoding", "gzip")
	if got := rec.Header().Get("Content-Encoding"); got != "gzip" {
		t.Fatalf("Content-Encoding is %q, want gzip", got)
	}
	unzipped, err := gzip.NewReader(rec.Body)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(unzipped)
	if err != nil || !bytes.Contains(body, []byte("\nhttp_requests_total{")) {
		t.Errorf("error %v, body %q", err, body)
	}
	if got := scrape(t, served()).Header().Get("Content-Encoding"); got != "" {
		t.Errorf("Content-Encoding is %q without a request for it", got)
	}
}

// failing is a collector that cannot collect.
type failing struct{}

var errBroken = errors.New("broken on purpose")

func (failing) Describe(out chan<- *prometheus.Desc) {
	out <- prometheus.NewDesc("onsale_failing", "Fails.", nil, nil)
}

func (failing) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.NewInvalidMetric(prometheus.NewDesc("onsale_failing", "Fails.", nil, nil), errBroken)
}

func TestFailingCollectorIsLoggedAndLeftOut(t *testing.T) {
	t.Parallel()
	reg := telemetry.NewRegistry(testBuild())
	reg.MustRegister(failing{})
	var log bytes.Buffer
	h := telemetry.Handler(reg, slog.New(slog.NewTextHandler(&log, nil)))

	if rec := scrape(t, h); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "onsale_build_info{") {
		t.Errorf("got %d, want 200 with the other metrics:\n%s", rec.Code, rec.Body)
	}
	if !strings.Contains(log.String(), "serving metrics failed") || !strings.Contains(log.String(), errBroken.Error()) {
		t.Errorf("log is %q", log.String())
	}
	// The third scrape shows the errors of the first two.
	scrape(t, h)
	const counted = `promhttp_metric_handler_errors_total{cause="gathering"} 2`
	if rec := scrape(t, h); !strings.Contains(rec.Body.String(), counted) {
		t.Errorf("want %s in\n%s", counted, rec.Body)
	}
}

// blocking is a collector that waits until it is released.
type blocking struct{ entered, release chan struct{} }

func (b blocking) Describe(out chan<- *prometheus.Desc) {
	out <- prometheus.NewDesc("onsale_blocking", "Blocks.", nil, nil)
}

func (b blocking) Collect(chan<- prometheus.Metric) {
	b.entered <- struct{}{}
	<-b.release
}

func TestConcurrentScrapesAreLimited(t *testing.T) {
	t.Parallel()
	reg := telemetry.NewRegistry(testBuild())
	b := blocking{make(chan struct{}), make(chan struct{})}
	reg.MustRegister(b)
	h := telemetry.Handler(reg, quiet())

	var wg sync.WaitGroup
	for range telemetry.MaxScrapes {
		wg.Go(func() {
			if rec := scrape(t, h); rec.Code != http.StatusOK {
				t.Errorf("got %d, want 200", rec.Code)
			}
		})
		<-b.entered
	}
	if rec := scrape(t, h); rec.Code != http.StatusServiceUnavailable {
		t.Errorf("got %d beyond the limit, want 503", rec.Code)
	}
	close(b.release)
	wg.Wait()
}

// stalled is a client that does not read its answer until it is released.
type stalled struct {
	*httptest.ResponseRecorder

	writing chan<- struct{}
	release <-chan struct{}
}

func (s stalled) Write(p []byte) (int, error) {
	s.writing <- struct{}{}
	<-s.release
	return s.ResponseRecorder.Write(p)
}

func TestSlowReadersDoNotCountAsScrapes(t *testing.T) {
	t.Parallel()
	h := served()
	writing, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range 2 * telemetry.MaxScrapes {
		wg.Go(func() {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil)
			h.ServeHTTP(stalled{httptest.NewRecorder(), writing, release}, req)
		})
		<-writing
	}
	if rec := scrape(t, h); rec.Code != http.StatusOK {
		t.Errorf("got %d while slow readers read, want 200", rec.Code)
	}
	close(release)
	wg.Wait()
}

func TestNoMetricIsNaN(t *testing.T) {
	t.Parallel()
	rec := scrape(t, served(), "Accept", acceptProtobuf)
	for name, family := range decode(t, rec.Body, expfmt.ResponseFormat(rec.Header())) {
		for _, m := range family.GetMetric() {
			if v := m.GetGauge().GetValue() + m.GetCounter().GetValue(); math.IsNaN(v) {
				t.Errorf("%s is NaN", name)
			}
		}
	}
}
