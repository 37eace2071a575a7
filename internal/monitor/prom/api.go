package prom

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"github.com/prometheus/prometheus/tsdb"
	api_v1 "github.com/prometheus/prometheus/web/api/v1"

	"onsale/internal/monitor/conceal"
)

// newAPI returns the HTTP API of Prometheus. [callOf] decides which calls are served.
// The arguments of the library's function have comments with their names.
func newAPI(p *parts, o Options, pl plan, reg *prometheus.Registry, logger *slog.Logger) http.Handler {
	about := newAbout(o)
	a := api_v1.NewAPI(
		boundedEngine{p.queries},
		bounded{p.db},
		nil, nil, // appenders: the API writes nothing
		p.db, // exemplars
		func(context.Context) api_v1.ScrapePoolsRetriever { return p.scrape },
		func(context.Context) api_v1.TargetRetriever { return p.scrape },
		func(context.Context) api_v1.AlertmanagerRetriever { return embeddedAlertmanager{pl.url} },
		func() config.Config { return *pl.config },
		about.flags,
		api_v1.GlobalURLOptions{ListenAddress: listenAddress(pl.url), Host: pl.url.Host, Scheme: pl.url.Scheme},
		func(f http.HandlerFunc) http.HandlerFunc { return f }, // readiness: the gate checks it
		stats{p.db}, o.Dir,
		false,    // enableAdmin
		false, 0, // enableSearch, maxSearchLimit
		logger.With("part", "api"),
		func(context.Context) api_v1.RulesRetriever { return p.rules },
		0, 0, 0, // limits of remote read, which is not served
		false,                            // isAgent
		relabel.MustNewRegexp("").Regexp, // corsOrigin: no other origin is allowed
		about.runtimeInfo, about.version(),
		nil, nil, // notifications of the web UI, which is not served
		reg, reg, // gatherer, registerer
		nil,        // statsRenderer: the default
		false, nil, // rwEnabled, acceptRemoteWriteProtoMsgs
		false, false, false, // otlpEnabled, otlpDeltaToCumulative, otlpNativeDeltaIngestion
		false, // stZeroIngestionEnabled
		o.LookbackDelta,
		false, // enableTypeAndUnitLabels
		false, // appendMetadata
		nil,   // overrideErrorCode: the default
		nil,   // featureRegistry
		api_v1.OpenAPIOptions{ExternalURL: pl.url.String(), Version: about.version().Version},
		pl.parser,
	)
	router := route.New()
	a.Register(router.WithPrefix("/api/v1"))
	return concealing(router)
}

// concealing hides secrets from the user's files in the responses about configuration
// and targets.
func concealing(next http.Handler) http.Handler {
	concealed := conceal.Answers(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/api/v1/")
		switch first, _, _ := strings.Cut(path, "/"); {
		case path == "targets/relabel_steps": // it would apply the relabelling to any labels that a client sends
			answerError(w, http.StatusNotFound, "not_found", noSuchPath)
		case first == "status" || first == "targets" || first == "scrape_pools" || first == "alertmanagers":
			concealed.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// listenAddress returns the host and port of a URL. It adds the default port.
func listenAddress(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return u.Host + ":443"
	}
	return u.Host + ":80"
}

// embeddedAlertmanager is the Alertmanager that the API reports.
type embeddedAlertmanager struct{ url *url.URL }

// Alertmanagers returns the URL of the built-in Alertmanager.
func (e embeddedAlertmanager) Alertmanagers() []*url.URL {
	return []*url.URL{e.url.JoinPath("api", "v2", "alerts")}
}

// DroppedAlertmanagers returns none.
func (embeddedAlertmanager) DroppedAlertmanagers() []*url.URL { return nil }

// stats gives the API the statistics of the database and no other access to it.
type stats struct{ db *tsdb.DB }

var _ api_v1.TSDBAdminStats = stats{}

// errReadOnly is returned by the methods that would change the database. The API does
// not call them, because the admin API is disabled.
var errReadOnly = errors.New("the API is read-only")

// CleanTombstones returns an error.
func (stats) CleanTombstones() error { return errReadOnly }

// Delete returns an error.
func (stats) Delete(context.Context, int64, int64, ...*labels.Matcher) error { return errReadOnly }

// Snapshot returns an error.
func (stats) Snapshot(string, bool) error { return errReadOnly }

// BlockMetas describes the blocks on disk.
func (s stats) BlockMetas() ([]tsdb.BlockMeta, error) { return s.db.BlockMetas(), nil }

// Stats counts series by the values of a label.
func (s stats) Stats(label string, limit int) (*tsdb.Stats, error) {
	return s.db.Head().Stats(label, limit), nil
}

// WALReplayStatus returns the zero status. The API is not served during the replay.
func (stats) WALReplayStatus() (tsdb.WALReplayStatus, error) { return tsdb.WALReplayStatus{}, nil }
