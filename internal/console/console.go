// Package console serves the web pages: a front page at / with live figures,
// alerts, targets, the inbox and faults to inject, and a page for each runbook.
//
// There is no build step. Go renders everything that is known at the start, so the
// pages are useful without scripts. Small ES modules under ui/ add the changing
// values from the JSON APIs at the same address.
package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"path"
	"time"

	"onsale/internal/catalog"
)

// Options configure the pages.
type Options struct {
	// Service is the name at the top of the page; the default is Onsale.
	Service string
	// Version is the version of the program.
	Version string
	// HasAPI is true if this address serves the API. Otherwise the page is that of
	// `onsale monitor`, and its commands use the first of Targets.
	HasAPI bool
	// HasMonitor is true if this address serves Prometheus and Alertmanager.
	HasMonitor bool
	// HasCrowd is true if this address serves /crowd.
	HasCrowd bool
	// Job is the scrape job to show.
	Job string
	// Pace is how fast the monitoring runs.
	Pace catalog.Pace
	// Targets are the base URLs of the monitored services.
	Targets []string
	// DiscordSet is true if notifications go to Discord in addition to the inbox.
	DiscordSet bool
	// Alerts are the alerts of the catalogue, for the table and the runbooks.
	Alerts []catalog.Alert
	// Expressions are PromQL expressions that links may run, in addition to all
	// expressions on the page. They are the alerts' expressions as Prometheus
	// formats them in notifications.
	Expressions []string
	// Site describes the server for provocations. If nil, they are offered
	// unchanged from the catalogue, and /provocations is not served.
	Site   func() catalog.Site
	Logger *slog.Logger
}

// validate returns an error that names the first invalid option.
func (o Options) validate() error {
	switch {
	case o.Logger == nil:
		return errors.New("option Logger must be set")
	case o.HasMonitor && o.Job == "":
		return errors.New("option Job must be set if HasMonitor is true")
	case o.HasMonitor && o.Pace.Scrape < time.Second:
		return errors.New("option Pace must not scrape more than once per second")
	}
	return nil
}

//go:embed page ui
var files embed.FS

// policy allows the page to load only resources of this server. Scripts set styles
// by class or through the CSS object model, never with style attributes.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// console renders the pages.
type console struct {
	options   Options
	templates *template.Template
	// known are the expressions that links may run.
	known map[string]bool
	log   *slog.Logger
}

// New returns a handler for GET and HEAD of /, /runbooks/, /runbooks/NAME,
// /provocations and the files under /ui/. Other requests get 404 or 405.
func New(o Options) (http.Handler, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Service == "" {
		o.Service = "Onsale"
	}
	templates, err := template.New("").Funcs(functions).ParseFS(files, "page/*.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	c := &console{options: o, templates: templates, known: knownExpressions(o), log: o.Logger.With("component", "console")}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.front)
	mux.HandleFunc("GET /runbooks/{$}", c.runbooks)
	mux.HandleFunc("GET /runbooks/{name}", c.runbook)
	if o.Site != nil {
		mux.HandleFunc("GET /provocations", c.provocations)
	}
	if err := c.serveFiles(mux); err != nil {
		return nil, err
	}
	return guard(mux), nil
}

// guard sets the security headers of every response.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// kinds are the content types of the files under ui/. The tables of the operating
// system are not used, because some declare scripts as plain text.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// serveFiles registers each file under ui/ by its name.
func (c *console) serveFiles(mux *http.ServeMux) error {
	entries, err := fs.ReadDir(files, "ui")
	if err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	for _, entry := range entries {
		body, err := files.ReadFile("ui/" + entry.Name())
		if err != nil {
			return fmt.Errorf("read file: %w", err)
		}
		kind := kinds[path.Ext(entry.Name())]
		mux.HandleFunc("GET /ui/"+entry.Name(), func(w http.ResponseWriter, r *http.Request) {
			send(w, r, kind, body)
		})
	}
	return nil
}

// render sends a page rendered from a template.
func (c *console) render(w http.ResponseWriter, r *http.Request, name string, view any) {
	var body bytes.Buffer
	if err := c.templates.ExecuteTemplate(&body, name, view); err != nil {
		c.log.Error("rendering failed", "page", name, "error", err)
		http.Error(w, "The page could not be rendered. See the log for the cause.", http.StatusInternalServerError)
		return
	}
	send(w, r, "text/html; charset=utf-8", body.Bytes())
}

// send sends a body that browsers cache and revalidate every time. So a new version
// shows immediately, and an unchanged one is not sent again.
func send(w http.ResponseWriter, r *http.Request, kind string, body []byte) {
	sum := sha256.Sum256(body)
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
