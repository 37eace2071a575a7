// Package sidecar runs a part of the program as a child process of the same binary, and
// forwards HTTP requests to it. The parent survives any failure of that part, even a
// stack overflow or lack of memory, which recover cannot catch.
//
// Parent and child use HTTP/2 over the child's standard input and output, so that all
// requests share one connection. The connection needs no port and no file, and no other
// process can reach it. It ends when either process ends, on every platform.
//
// The child runs at a lower priority, so that the parent comes first when both need all
// processors.
//
// [Process] is the parent's side, [Serve] the child's.
package sidecar

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"sync/atomic"
	"time"
)

const (
	// firstPause is the pause before a child is restarted. It doubles up to longestPause.
	// After a child that ran for at least steady, it is firstPause again.
	firstPause   = time.Second
	longestPause = time.Minute
	steady       = time.Minute
	// probeEvery is how often a child is probed.
	probeEvery = time.Second
	// lastWords is how long a child that closed the connection can take to write its
	// reason and to end.
	lastWords = 2 * time.Second
	// Defaults of [Options].
	defaultProbeLimit = 10 * time.Second
	defaultEndLimit   = 10 * time.Second
)

const (
	// maxRequests limits the requests in flight to the child, including those whose
	// clients send or read slowly. Each uses up to streamBuffer in the parent.
	maxRequests = 500
	// maxStreams limits the streams of the connection. It leaves room for probes, and for
	// requests whose clients have left without the child having noticed.
	maxStreams = 2 * maxRequests
	// streamBuffer limits the part of an answer, in bytes, that the parent buffers for a
	// client that does not read.
	streamBuffer = 64 << 10
)

// errFull is the reason of a 503 when maxRequests are in flight.
var errFull = fmt.Errorf("it is already serving %d requests, its limit", maxRequests)

// errNoAnswer is the error of a probe that timed out: the child hangs.
var errNoAnswer = errors.New("no answer in time")

// Options of a [Process]. All fields except Prefix and the limits are required.
type Options struct {
	// Name names the child in messages, such as "monitoring".
	Name string
	// Command returns a command that calls [Serve]. This package sets its standard input
	// and output and its process group. Its standard error is for messages.
	Command func() *exec.Cmd
	// Prefix is the prefix of the lines in which the child reports why it ends. These
	// lines are not passed on; they become the error for Report. Empty for none.
	Prefix string
	// Report is called with the reason of a child's end before the next child starts. It
	// is not called again for the same reason.
	Report func(error)
	// Health is the path that the child answers with 200 while it works.
	Health string
	// ProbeLimit is how long that answer can take. After that the child counts as hung
	// and is killed. The default is 10 s.
	ProbeLimit time.Duration
	// EndLimit is how long an orderly end can take. The default is 10 s.
	EndLimit time.Duration
	Logger   *slog.Logger
}

// Process keeps a child process running. It is safe for concurrent use.
type Process struct {
	options Options
	log     *slog.Logger
	// child is the running child; nil while there is none.
	child atomic.Pointer[child]
	// reason is why there is no child.
	reason atomic.Pointer[string]
}

// child is one run of the child process.
type child struct {
	cmd       *exec.Cmd
	words     *words
	conn      net.Conn
	transport *http.Transport
	proxy     http.Handler
	// requests has an element for each request in flight.
	requests chan struct{}
}

// New returns a process that is not started yet; use [Process.Run].
func New(o Options) *Process {
	o.ProbeLimit, o.EndLimit = cmp.Or(o.ProbeLimit, defaultProbeLimit), cmp.Or(o.EndLimit, defaultEndLimit)
	p := &Process{options: o, log: o.Logger.With("component", o.Name)}
	p.explain("it is starting")
	return p
}

func (p *Process) explain(reason string) { p.reason.Store(&reason) }

// Run starts the child, and restarts it whenever it ends, until the context ends. Then
// it lets the child end in an orderly way, and kills it after EndLimit. It returns nil
// after an orderly end.
func (p *Process) Run(ctx context.Context) error {
	pause, reported := firstPause, ""
	for {
		began := time.Now()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return err
		}
		if time.Since(began) >= steady {
			pause, reported = firstPause, ""
		}
		p.explain(err.Error())
		if reported != err.Error() {
			reported = err.Error()
			p.options.Report(err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, longestPause)
	}
}

// once runs the child until it or the context ends.
func (p *Process) once(ctx context.Context) error {
	c, err := p.start()
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	p.child.Store(c)
	defer p.child.Store(nil)
	defer c.transport.CloseIdleConnections()

	sick := make(chan error, 1)
	probing, stop := context.WithCancel(ctx)
	defer stop()
	go func() { sick <- p.probe(probing, c) }()
	select {
	case err := <-ended:
		return c.explain(cmp.Or(err, errors.New("it ended without an error")))
	case err := <-sick:
		if ctx.Err() == nil {
			return c.explain(c.giveUp(err, ended))
		}
	case <-ctx.Done():
	}
	p.explain("it is stopping")
	return c.end(ended, p.options.EndLimit)
}

// start starts a child.
func (p *Process) start() (*child, error) {
	cmd := p.options.Command()
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make pipe: %w", err), in.Close())
	}
	stderr := &words{out: cmp.Or[io.Writer](cmd.Stderr, io.Discard), own: p.options.Prefix}
	cmd.Stderr, cmd.WaitDelay = stderr, lastWords
	setApart(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start: %w", err) // Start has closed both pipes
	}
	if err := lower(cmd); err != nil {
		p.log.Warn("cannot lower the priority of the process", "error", err)
	}
	c := &child{cmd: cmd, words: stderr, conn: newPipe(out, in), requests: make(chan struct{}, maxRequests)}
	dialed := make(chan net.Conn, 1)
	dialed <- c.conn
	c.transport = &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			select {
			case conn := <-dialed:
				return conn, nil
			default:
				return nil, net.ErrClosed // a child has only one connection
			}
		},
		Protocols: unencryptedHTTP2(),
		HTTP2: &http.HTTP2Config{
			// Beyond the child's limit a request waits, because there is no second connection.
			StrictMaxConcurrentRequests: true,
			MaxReceiveBufferPerStream:   streamBuffer,
		},
	}
	c.proxy = &httputil.ReverseProxy{
		Transport: c.transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", address
			r.Out.Host = r.In.Host
			r.Out.Header.Set(clientHeader, r.In.RemoteAddr)
		},
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			p.refuse(w, "it does not answer: "+plain(err).Error())
		},
	}
	return c, nil
}

// address is the child's host name in URLs.
const address = "child"

// clientHeader has the address of the client, which the child uses as the request's
// RemoteAddr. The parent replaces the header, so that clients cannot set it.
const clientHeader = "Onsale-Client"

func unencryptedHTTP2() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

// probe probes the child until the context ends or a probe fails.
func (p *Process) probe(ctx context.Context, c *child) error {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	client := http.Client{Transport: c.transport, Timeout: p.options.ProbeLimit}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+p.options.Health, http.NoBody)
		if err != nil {
			return fmt.Errorf("make probe: %w", err)
		}
		answer, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("it does not answer: %w", plain(err))
		}
		_, _ = io.Copy(io.Discard, answer.Body) // the status says enough
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("it is not healthy: %s", answer.Status)
		}
	}
}

// plain removes the child's address, which is not a real one, from an error.
func plain(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		if outer.Timeout() {
			return errNoAnswer
		}
		return outer.Err
	}
	return err
}

// end closes the connection, which makes the child end, and waits for that. After the
// limit it kills the child.
func (c *child) end(ended <-chan error, limit time.Duration) error {
	_ = c.conn.Close() // the child's input ends
	select {
	case err := <-ended:
		return err
	case <-time.After(limit):
		return errors.Join(fmt.Errorf("it did not end within %s and was killed", limit), c.kill(ended))
	}
}

// explain prepends the child's own reason, if any, to the error.
func (c *child) explain(err error) error {
	if reason := c.words.reason(); reason != "" {
		return fmt.Errorf("%s (%w)", reason, err)
	}
	return err
}

// giveUp ends a child that failed a probe, and returns the reason. A child that closes
// the connection is about to end, and its exit status says more than the probe.
func (c *child) giveUp(sick error, ended <-chan error) error {
	if !errors.Is(sick, errNoAnswer) {
		select {
		case err := <-ended:
			return cmp.Or(err, sick)
		case <-time.After(lastWords):
		}
	}
	return errors.Join(sick, c.kill(ended))
}

// kill kills the child and waits for its end.
func (c *child) kill(ended <-chan error) error {
	err := errors.Join(c.cmd.Process.Kill(), c.conn.Close())
	if status := <-ended; status == nil { // it ended just before the kill
		return nil
	}
	return err
}

// ServeHTTP forwards a request to the child. If there is no child, or too many requests
// are in flight, it answers 503 with the reason.
func (p *Process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := p.child.Load()
	if c == nil {
		p.refuse(w, *p.reason.Load())
		return
	}
	select {
	case c.requests <- struct{}{}:
		defer func() { <-c.requests }()
		c.proxy.ServeHTTP(w, r)
	default:
		p.refuse(w, errFull.Error())
	}
}

// refuse answers 503 in Prometheus's format for errors, which most callers expect.
func (p *Process) refuse(w http.ResponseWriter, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(map[string]string{ // fails only if the client has left
		"status": "error", "errorType": "unavailable", "error": "the " + p.options.Name + " process is not available: " + reason,
	})
}
