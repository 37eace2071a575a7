package app

import (
	"log/slog"
	"net/http"
	"time"

	"onsale/internal/fault"
)

// Limits of a connection.
const (
	// readHeaderTimeout and readTimeout bound how slowly a client may send.
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	// writeTimeout bounds a request as a whole; it outlasts the longest delay
	// that a plan may inject.
	writeTimeout = fault.MaxDelay + time.Minute
	// idleTimeout closes connections that nobody uses.
	idleTimeout = 2 * time.Minute
	// maxHeaderBytes bounds a request's line and headers.
	maxHeaderBytes = 16 << 10
)

func newHTTPServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.With("component", "http").Handler(), slog.LevelDebug),
	}
}
