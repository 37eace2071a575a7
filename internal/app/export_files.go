package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"onsale/internal/catalog/export"
	"onsale/internal/endpoint"
)

// scrapeTimeout is how long a metrics page may take: as long as Prometheus gives it
// by default.
const scrapeTimeout = 10 * time.Second

// metrics reads what the service exports, from its pages or from a file; nil if
// neither was named.
func (o ExportOptions) metrics(ctx context.Context) (*export.Metrics, error) {
	if o.Metrics != "" {
		m, err := o.metricsFile(ctx)
		if err != nil {
			return nil, fmt.Errorf("--metrics: %w", err)
		}
		return m, nil
	}
	pages, err := o.pages()
	if err != nil || len(pages) == 0 {
		return nil, err
	}
	all := new(export.Metrics)
	for _, u := range pages {
		if err := scrapeInto(ctx, all, u); err != nil {
			return nil, fmt.Errorf("--target %s: %w (or save its metrics page and give the file as --metrics)", endpoint.Shown(u.String()), err)
		}
	}
	return all, nil
}

// scrapeInto reads a metrics page, once.
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
		return because(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s, and must be 200 OK", answer.Status)
	}
	return because(ctx, all.Read(answer.Body))
}

// because returns the cause of the context's end if it has ended, else the error
// without the URL.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}

// metricsFile reads a page from a file or from In. What blocks, such as a terminal,
// is left behind when the context ends.
func (o ExportOptions) metricsFile(ctx context.Context) (*export.Metrics, error) {
	type result struct {
		m   *export.Metrics
		err error
	}
	read := make(chan result, 1)
	go func() {
		m, err := readMetrics(o.Metrics, o.In)
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

// tell says what was left out and why.
func (o ExportOutput) tell(leftOut []export.LeftOut) {
	for _, l := range leftOut {
		fmt.Fprintf(o.Err, "onsale: left out %s\n", l)
	}
}

// WriteOne writes what has one file.
func (o ExportOutput) WriteOne(content []byte) error {
	if o.Output == "-" {
		_, err := o.Out.Write(content)
		return err
	}
	return o.write([]export.File{{Name: o.Output, Content: content}})
}

// writeAll writes files into the directory.
func (o ExportOutput) writeAll(files []export.File) error {
	if o.Output == "-" {
		return errors.New("--output must be a directory, because there are several files: - is for commands that write one")
	}
	named := make([]export.File, len(files))
	for i, f := range files {
		named[i] = export.File{Name: filepath.Join(o.Output, filepath.FromSlash(f.Name)), Content: f.Content}
	}
	return o.write(named)
}

// write writes files by their paths: all of them, or none if there is one that
// somebody else made.
func (o ExportOutput) write(files []export.File) error {
	for _, f := range files {
		if err := o.mayWrite(f.Name); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil { //nolint:gosec // G301: other users' servers read it.
			return fmt.Errorf("--output: %w", err)
		}
		if err := os.WriteFile(f.Name, f.Content, 0o644); err != nil { //nolint:gosec // G306: other users' servers read it.
			return fmt.Errorf("--output: %w", err)
		}
		fmt.Fprintf(o.Err, "onsale: wrote %s\n", f.Name)
	}
	return nil
}

// mayWrite returns an error for a file that somebody else made.
func (o ExportOutput) mayWrite(name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--output: %w", err)
	case info.IsDir():
		return fmt.Errorf("--output: %s is a directory, and must be a file", name)
	case o.Force || !info.Mode().IsRegular() || info.Size() == 0:
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	if !export.Ours(content) {
		return fmt.Errorf("--output: %s exists, and onsale export has not written it; name another place, or overwrite it with --force", name)
	}
	return nil
}
