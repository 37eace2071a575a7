package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"onsale/internal/edge"
	"onsale/internal/endpoint"
	"onsale/internal/fault"
	"onsale/internal/server"
)

// Limits of a connection.
const (
	// readHeaderTimeout and readTimeout limit how slowly a client can send.
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	// writeTimeout limits a request as a whole. It is longer than the longest delay that
	// a fault plan can inject. Package edge limits how slowly a client can read.
	writeTimeout = fault.MaxDelay + time.Minute
	// idleTimeout closes connections that are not used.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes limits the request line and the headers.
	maxHeaderBytes = 16 << 10
)

// newHTTPServer returns a server for the clients of a listener.
func newHTTPServer(listener *edge.Listener, handler http.Handler, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.With("component", "http").Handler(), slog.LevelDebug),
	}
	listener.Attach(s)
	return s
}

// listen binds the address of a flag.
func listen(ctx context.Context, flag, address string, maxConnections int, log *slog.Logger) (*edge.Listener, error) {
	if err := endpoint.CheckListen(flag, address); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, address, plain(err))
	}
	l := edge.NewListener(listener, maxConnections, log)
	l.Pace(server.Probes())
	return l, nil
}

// plain removes the address from an error of Listen, because the caller adds it.
func plain(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}

// serveHTTP serves until the server is shut down.
func serveHTTP(s *http.Server, listener net.Listener) error {
	if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// shutDown waits for requests in flight until the context ends, and then closes the
// connections of those that are left.
func shutDown(ctx context.Context, s *http.Server) error {
	if err := s.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("wait for requests in flight: %w", err), s.Close())
	}
	return nil
}

// closeListener closes a listener. It is not an error if the HTTP server has closed it.
func closeListener(listener net.Listener) error {
	if err := listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Say writes one line for people and scripts.
func Say(w io.Writer, format string, args ...any) {
	text := fmt.Sprintf(format, args...) // an error can have several lines
	fmt.Fprintf(w, "onsale: %s\n", strings.ReplaceAll(text, "\n", "; "))
}

// allAddresses is shown before the ready line, which names the loopback address only.
const allAddresses = "other machines can reach this server: it listens on all addresses"
