// Package sidecar runs a part of the program as a child process of the same
// binary, and passes HTTP requests on to it, so that the part can fail in any way
// without ending its parent: by a stack overflow or for want of memory, which no
// recover catches.
//
// Parent and child talk over the child's standard input and output: HTTP/2, so
// that requests share the one connection. Nobody else can reach it, it needs no
// port and no file, and it ends when either process ends, on every platform.
//
// The child runs at a lower priority, so that the parent goes first where both want
// all processors.
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
	// firstPause is the pause before a child that ended is started again. It
	// doubles up to longestPause, and begins anew after a child that lived as long
	// as steady.
	firstPause   = time.Second
	longestPause = 30 * time.Second
	steady       = time.Minute
	// probeEvery is how often a child is asked whether it lives.
	probeEvery = time.Second
	// lastWords is how long a child that broke the connection may take to end by
	// itself, and to write why.
	lastWords = 2 * time.Second
	// The defaults of [Options].
	defaultProbeLimit = 10 * time.Second
	defaultEndLimit   = 10 * time.Second

	// maxRequests is how many requests are passed on at once. HTTP/2 lets
	// streamLimit share the connection, so that the probe always finds room.
	maxRequests = 1000
	streamLimit = maxRequests + 10
	// streamBuffer is how much of an answer waits here for a client that does not
	// read it, in bytes. The default is 4 MB.
	streamBuffer = 64 << 10
)

// errNoAnswer is the error of a probe of a child that hangs.
var errNoAnswer = errors.New("no answer in time")

// Options of a [Process]. All but the limits must be given.
type Options struct {
	// Name says what the child is, in messages: "monitoring".
	Name string
	// Command makes a command that calls [Serve]. Its standard input and output and
	// its process group are set here; its standard error is for messages.
	Command func() *exec.Cmd
	// Health is the path that the child answers with 200 while it works.
	Health string
	// ProbeLimit is how long that answer may take before the child counts as hung and
	// is killed, and EndLimit how long an orderly end may take; 0: 10 s.
	ProbeLimit, EndLimit time.Duration
	Logger               *slog.Logger
}

// Process keeps a child process running. It is safe for concurrent use.
type Process struct {
	options Options
	log     *slog.Logger
	// child answers requests; nil while there is none.
	child atomic.Pointer[child]
	// reason says why there is none.
	reason atomic.Pointer[string]
	// passed counts the requests that are being passed on.
	passed atomic.Int64
}

// child is one run of the child process.
type child struct {
	cmd       *exec.Cmd
	conn      net.Conn
	transport *http.Transport
	proxy     http.Handler
}

// New returns a process that does not run yet.
func New(o Options) *Process {
	o.ProbeLimit, o.EndLimit = cmp.Or(o.ProbeLimit, defaultProbeLimit), cmp.Or(o.EndLimit, defaultEndLimit)
	p := &Process{options: o, log: o.Logger.With("component", o.Name)}
	p.explain("it starts")
	return p
}

func (p *Process) explain(reason string) { p.reason.Store(&reason) }

// Run starts the child, and starts it again whenever it ends, until the context
// ends. Then it lets the child end in order, and kills it after the EndLimit. An
// orderly end is nil.
func (p *Process) Run(ctx context.Context) error {
	pause := firstPause
	for {
		began := time.Now()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return err
		}
		if time.Since(began) >= steady {
			pause = firstPause
		}
		reason := "it ended"
		if err != nil {
			reason = err.Error()
		}
		p.explain(reason)
		p.log.Error("process ended and starts again", "error", reason, "pause", pause.String())
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
		return cmp.Or(err, errors.New("it ended by itself"))
	case err := <-sick:
		if ctx.Err() == nil {
			return c.giveUp(err, ended)
		}
	case <-ctx.Done():
	}
	p.explain("it stops")
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
	setApart(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start: %w", err) // which has closed both pipes
	}
	if err := lower(cmd); err != nil {
		p.log.Warn("priority of the process cannot be lowered", "error", err)
	}
	c := &child{cmd: cmd, conn: newPipe(out, in)}
	dialed := make(chan net.Conn, 1)
	dialed <- c.conn
	c.transport = &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			select {
			case conn := <-dialed:
				return conn, nil
			default:
				return nil, net.ErrClosed // a child has one connection in its life
			}
		},
		Protocols: unencryptedHTTP2(),
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream: streamBuffer,
			// There is no second connection to open while streams are being reset.
			StrictMaxConcurrentRequests: true,
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

// address stands for the child in URLs.
const address = "child"

// clientHeader tells the child the address of the client, which becomes the
// request's RemoteAddr. Only the parent can send it.
const clientHeader = "Onsale-Client"

func unencryptedHTTP2() *http.Protocols {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return protocols
}

// probe asks the child whether it lives until the context ends, or until it does
// not answer in time.
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

// plain strips the address, which means nothing, from an error of the client.
func plain(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		if outer.Timeout() {
			return errNoAnswer
		}
		return outer.Err
	}
	return err
}

// end closes the connection, which asks the child to end, and waits for that.
func (c *child) end(ended <-chan error, limit time.Duration) error {
	_ = c.conn.Close() // the child reads the end of its input
	select {
	case err := <-ended:
		return err
	case <-time.After(limit):
		return errors.Join(fmt.Errorf("it did not end within %s and was killed", limit), c.kill(ended))
	}
}

// giveUp ends a child that failed a probe, and returns why it did. A child that
// breaks the connection is about to end: its exit status says more.
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

// kill ends the child at once.
func (c *child) kill(ended <-chan error) error {
	err := errors.Join(c.cmd.Process.Kill(), c.conn.Close())
	if status := <-ended; status == nil { // it ended by itself, just before
		return nil
	}
	return err
}

// ServeHTTP passes a request on to the child. Without one it answers 503 and says
// why.
func (p *Process) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := p.child.Load()
	if c == nil {
		p.refuse(w, *p.reason.Load())
		return
	}
	defer p.passed.Add(-1)
	if p.passed.Add(1) > maxRequests {
		p.refuse(w, "it has too many requests at once")
		return
	}
	c.proxy.ServeHTTP(w, r)
}

// refuse answers 503 in the form that Prometheus has for errors, which is what
// most callers expect.
func (p *Process) refuse(w http.ResponseWriter, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
	_ = json.NewEncoder(w).Encode(map[string]string{ // an error means that the caller has gone
		"status": "error", "errorType": "unavailable", "error": "the " + p.options.Name + " process is not available: " + reason,
	})
}
