// Package console serves what a person sees: one page at / that shows the
// service live (figures, alerts, targets, the inbox, faults to turn on) and a
// page for each runbook.
//
// There is no build step. Go renders what is known at start, so that the page
// is of use without scripts; small ES modules under ui/ fill in what
// changes, from the JSON that the other parts serve at the same address.
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

// Options say what there is to show.
type Options struct {
	// Service is the name at the top of the page; empty is Onsale.
	Service string
	// Version is the program's.
	Version string
	// HasAPI: the API answers at this address. Otherwise the page is that of
	// `onsale monitor`, and its commands name the first of Targets.
	HasAPI bool
	// HasMonitor: Prometheus and Alertmanager answer at this address.
	HasMonitor bool
	// HasCrowd: /crowd answers at this address.
	HasCrowd bool
	// Job is the scrape job whose series are drawn.
	Job string
	// Pace is how fast the monitoring runs.
	Pace catalog.Pace
	// Targets are the base URLs that are watched.
	Targets []string
	// DiscordSet: notifications go to Discord as well as to the inbox.
	DiscordSet bool
	// Alerts are the catalogue's: the rows of the table, and the runbooks.
	Alerts []catalog.Alert
	// Expressions are those that links from elsewhere may run, beside all that the
	// page itself shows: those of the alerts as Prometheus writes them in messages.
	Expressions []string
	// Site returns what provocations find here; nil offers them as the catalogue has
	// them, and serves no /provocations.
	Site   func() catalog.Site
	Logger *slog.Logger
}

// validate returns an error that names the first option that makes no sense.
func (o Options) validate() error {
	switch {
	case o.Logger == nil:
		return errors.New("option Logger must be set")
	case o.HasMonitor && o.Job == "":
		return errors.New("option Job must not be empty where there is a monitor")
	case o.HasMonitor && o.Pace.Scrape < time.Second:
		return errors.New("option Pace must scrape every second or more rarely")
	}
	return nil
}

//go:embed page ui
var files embed.FS

// policy lets the page load what this server has and nothing else. Styles are
// set by class or through the style sheet's own object model, never in place.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// console renders the pages.
type console struct {
	options   Options
	templates *template.Template
	// known are the expressions that a link may run.
	known map[string]bool
	log   *slog.Logger
}

// New returns a handler for GET and HEAD of /, /runbooks/, /runbooks/NAME,
// /provocations and the files under /ui/. Everything else there is answered 404 or 405.
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

// guard sets what holds for every answer.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// kinds are the types of the files under ui/. They are not left to the machine,
// whose tables may call a script plain text.
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

// render answers with a page of the templates.
func (c *console) render(w http.ResponseWriter, r *http.Request, name string, view any) {
	var body bytes.Buffer
	if err := c.templates.ExecuteTemplate(&body, name, view); err != nil {
		c.log.Error("rendering failed", "page", name, "error", err)
		http.Error(w, "The page could not be made; the log says why.", http.StatusInternalServerError)
		return
	}
	send(w, r, "text/html; charset=utf-8", body.Bytes())
}

// send answers with a body that browsers keep and ask about every time, so that
// a newer version is seen at once and an unchanged one costs no bytes.
func send(w http.ResponseWriter, r *http.Request, kind string, body []byte) {
	sum := sha256.Sum256(body)
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", `"`+hex.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
