package exportcmd

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/catalog/export"
	"onsale/internal/endpoint"
)

// scrapeTimeout bounds the request for a metrics page. It is the default of Prometheus.
const scrapeTimeout = 10 * time.Second

// metrics reads the metrics of the service from its pages or from a file. It returns nil if
// the flags name neither.
func (f *serviceFlags) metrics(ctx context.Context, e *command.Env) (*export.Metrics, error) {
	if f.Metrics != "" {
		m, err := f.metricsFile(ctx, e)
		if err != nil {
			return nil, fmt.Errorf("--metrics: %w", err)
		}
		return m, nil
	}
	pages, err := metricsPages(f.Target)
	if err != nil || len(pages) == 0 {
		return nil, err
	}
	all := new(export.Metrics)
	for _, u := range pages {
		if err := scrapeInto(ctx, all, u); err != nil {
			return nil, fmt.Errorf("--target %s: %w (or save its metrics page and pass the file with --metrics)", endpoint.Shown(u.String()), err)
		}
	}
	return all, nil
}

// scrapeInto reads a metrics page and adds it to all.
func scrapeInto(ctx context.Context, all *export.Metrics, u *url.URL) error {
	ctx, cancel := context.WithTimeoutCause(ctx, scrapeTimeout, fmt.Errorf("no answer within %s", scrapeTimeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	request.Header.Set("User-Agent", "onsale-export")
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return command.RequestError(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s, but must be 200 OK", answer.Status)
	}
	return command.RequestError(ctx, all.Read(answer.Body))
}

// metricsFile reads a page from a file or from standard input. When the context ends, it
// abandons an input that blocks, such as a terminal.
func (f *serviceFlags) metricsFile(ctx context.Context, e *command.Env) (*export.Metrics, error) {
	type result struct {
		m   *export.Metrics
		err error
	}
	read := make(chan result, 1)
	go func() {
		m, err := readMetrics(f.Metrics, e.Stdin)
		read <- result{m, err}
	}()
	select {
	case r := <-read:
		return r.m, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func readMetrics(name string, in io.Reader) (*export.Metrics, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	m := new(export.Metrics)
	if err := m.Read(in); err != nil {
		return nil, err
	}
	return m, nil
}
