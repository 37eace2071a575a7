package prom

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
	"golang.org/x/time/rate"

	"onsale/internal/endpoint"
	"onsale/internal/monitor/conceal"
)

const (
	// linesAtOnce and linesEvery limit the log lines about targets. A change beyond the
	// limit is logged later, if it still applies then.
	linesAtOnce = 20
	linesEvery  = time.Second
	// maxScrapeError limits the logged error of a scrape, in runes.
	maxScrapeError = 300
)

// health logs when a target goes down, with the reason, and when it is up again. The
// library logs each failed scrape at level debug.
type health struct {
	log   *slog.Logger
	hide  conceal.Texts
	lines *rate.Limiter
	// job is the job that the rules evaluate.
	job string
	// down has the targets that were logged as down, and misnamed those that were
	// logged because of their label job.
	down, misnamed map[*scrape.Target]bool
}

// logHealth checks all targets until the context ends and logs their changes.
func (s *Server) logHealth(ctx context.Context, targets func() map[string][]*scrape.Target) {
	h := &health{log: s.own, hide: s.hide, lines: rate.NewLimiter(rate.Every(linesEvery), linesAtOnce), job: s.options.Job}
	tick := time.NewTicker(min(s.options.ScrapeInterval, checkEvery))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			h.check(ctx, targets())
		}
	}
}

// check logs what has changed since the last check.
func (h *health) check(ctx context.Context, targets map[string][]*scrape.Target) {
	down, misnamed := make(map[*scrape.Target]bool), make(map[*scrape.Target]bool)
	for pool, list := range targets {
		for _, t := range list {
			var isDown bool
			switch t.Health() {
			case scrape.HealthBad:
				isDown = true
			case scrape.HealthUnknown: // not scraped yet
				continue
			default:
			}
			if isDown != h.down[t] && h.lines.Allow() {
				h.changed(ctx, t, isDown)
			} else {
				isDown = h.down[t]
			}
			if isDown {
				down[t] = true
			}
			if h.misnamed[t] || pool == h.job && h.isMisnamed(ctx, t) {
				misnamed[t] = true
			}
		}
	}
	h.down, h.misnamed = down, misnamed
}

func (h *health) changed(ctx context.Context, t *scrape.Target, isDown bool) {
	attrs := h.attrs(t)
	if !isDown {
		h.log.InfoContext(ctx, "target is up again", attrs...)
		return
	}
	reason := "unknown"
	if err := t.LastError(); err != nil {
		reason = oneLine(err).Error()
	}
	reason = h.hide.Clean(reason)
	if runes := []rune(reason); len(runes) > maxScrapeError {
		reason = string(runes[:maxScrapeError]) + "…"
	}
	h.log.WarnContext(ctx, "target is down", append(attrs, slog.String("reason", reason))...)
}

// isMisnamed logs a target of the job whose label job has another value, and reports
// whether it did. It does not log if the limit of lines is reached.
func (h *health) isMisnamed(ctx context.Context, t *scrape.Target) bool {
	name := t.GetValue(model.JobLabel)
	if name == h.job || !h.lines.Allow() {
		return false
	}
	h.log.WarnContext(ctx, "no alert covers this target, because its label job is not the name of its job",
		append(h.attrs(t), slog.String("label", name))...)
	return true
}

// attrs returns attributes that identify a target. The URL has no query.
func (h *health) attrs(t *scrape.Target) []any {
	lset := t.Labels(labels.NewBuilder(labels.EmptyLabels()))
	return []any{
		slog.String("job", lset.Get(model.JobLabel)),
		slog.String("instance", endpoint.Clean(lset.Get(model.InstanceLabel))),
		slog.String("url", endpoint.Shown(t.URL().String())),
	}
}
