package catalog_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"onsale/internal/app"
	"onsale/internal/catalog"
)

// scrape starts an Onsale and returns its metrics page once it is ready.
func scrape(tb testing.TB) string {
	tb.Helper()
	o := app.DefaultOptions()
	o.Listen, o.DataDir, o.DrainDelay = "127.0.0.1:0", tb.TempDir(), 0
	a, err := app.New(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(tb.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	}()
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := get(tb, client, "http://"+a.Addr()+"/ready")
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			tb.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for { // the CPU usage is available after a second
		text, err := get(tb, client, "http://"+a.Addr()+"/metrics")
		if err != nil {
			tb.Fatal(err)
		}
		if strings.Contains(text, "\ncpu_usage_percent ") {
			return text
		}
		if time.Now().After(deadline) {
			tb.Fatal("the metrics page has no cpu_usage_percent")
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func get(tb testing.TB, client *http.Client, url string) (string, error) {
	tb.Helper()
	res, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return string(text), err
}

// Every series that a rule reads is exported by Onsale or recorded by another rule,
// with the labels and buckets that the rule needs.
func TestRulesReadSeriesThatExist(t *testing.T) {
	t.Parallel()
	text := scrape(t)
	known := map[string]string{"up": ""}
	for _, rec := range catalog.Recordings(catalog.DefaultSettings(), catalog.Real()) {
		known[rec.Record] = ""
	}
	for _, line := range regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(.*)$`).FindAllStringSubmatch(text, -1) {
		known[line[1]] += line[2] + "\n"
	}
	// There are no concerts yet, so their series do not exist.
	for name, sample := range map[string]string{
		"onsale_concert_tickets_sold":     `{concert="1"}`,
		"onsale_concert_capacity_tickets": `{concert="1"}`,
	} {
		if known[name] == "" {
			known[name] = sample
		}
	}
	promQL := parser.NewParser(parser.Options{})
	for rule, exprs := range expressions(catalog.DefaultSettings(), catalog.Real()) {
		for _, e := range exprs {
			expr, err := promQL.ParseExpr(e)
			if err != nil {
				t.Fatal(err)
			}
			for _, matchers := range parser.ExtractSelectors(expr) {
				for _, wrong := range unknown(matchers, known) {
					t.Errorf("%s reads %s", rule, wrong)
				}
			}
		}
	}
}

// unknown returns the parts of a selector that match nothing: metric names, labels
// that no series of the name has, and buckets.
func unknown(matchers []*labels.Matcher, known map[string]string) (wrong []string) {
	var names []string
	for _, m := range matchers {
		if m.Name == model.MetricNameLabel {
			names = strings.Split(m.Value, "|")
		}
	}
	for _, name := range names {
		series, ok := known[name]
		if !ok {
			wrong = append(wrong, name)
			continue
		}
		for _, m := range matchers {
			switch {
			case m.Name == model.MetricNameLabel, m.Name == "job", m.Name == "slo": // added by the monitoring
			case m.Name == "le" && !strings.Contains(series, `le="`+m.Value+`"`),
				!strings.Contains(series, m.Name+`="`):
				wrong = append(wrong, name+" by "+m.String())
			}
		}
	}
	return wrong
}

// This is the negative control: it finds an unknown name, label and bucket.
func TestUnknownSeriesAreFound(t *testing.T) {
	t.Parallel()
	known := map[string]string{"onsale_known_bucket": `{le="0.5"} 1`}
	for _, expr := range []string{
		`onsale_unknown`, `onsale_known_bucket{color="red"}`, `onsale_known_bucket{le="0.25"}`,
	} {
		parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		if err != nil {
			t.Fatal(err)
		}
		for _, matchers := range parser.ExtractSelectors(parsed) {
			if len(unknown(matchers, known)) != 1 {
				t.Errorf("%s is not found", expr)
			}
		}
	}
}
