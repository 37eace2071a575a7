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
	// linesAtOnce and linesEvery bound what is logged of targets. What there is no
	// line for now is logged later, if it still holds then.
	linesAtOnce = 20
	linesEvery  = time.Second
	// maxScrapeError is how much of a scrape's error is logged, in runes.
	maxScrapeError = 300
)

// health logs each change of a target: that it is down, with the reason, and that it is
// up again. The library logs each failed scrape, at level debug.
type health struct {
	log   *slog.Logger
	hide  conceal.Texts
	lines *rate.Limiter
	// job is the one that the rules judge.
	job string
	// down are the targets that were logged as down, and misnamed those that were
	// logged for their label job.
	down, misnamed map[*scrape.Target]bool
}

// tellHealth looks at all targets until the context ends.
func (s *Server) tellHealth(ctx context.Context, targets func() map[string][]*scrape.Target) {
	h := &health{log: s.own, hide: s.hide, lines: rate.NewLimiter(rate.Every(linesEvery), linesAtOnce), job: s.options.Job}
	look := time.NewTicker(min(s.options.ScrapeInterval, lookEvery))
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			h.look(ctx, targets())
		}
	}
}

// look logs what has changed since the last look.
func (h *health) look(ctx context.Context, targets map[string][]*scrape.Target) {
	down, misnamed := make(map[*scrape.Target]bool), make(map[*scrape.Target]bool)
	for pool, list := range targets {
		for _, t := range list {
			var isDown bool
			switch t.Health() {
			case scrape.HealthBad:
				isDown = true
			case scrape.HealthUnknown: // it has not been scraped yet
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

// isMisnamed logs a target of the judged job that carries another label job, and
// reports whether it did.
func (h *health) isMisnamed(ctx context.Context, t *scrape.Target) bool {
	name := t.GetValue(model.JobLabel)
	if name == h.job || !h.lines.Allow() {
		return false
	}
	h.log.WarnContext(ctx, "target is judged by no alert: its label job is not the name of its job",
		append(h.attrs(t), slog.String("label", name))...)
	return true
}

// attrs say which target it is, without the query of its URL.
func (h *health) attrs(t *scrape.Target) []any {
	lset := t.Labels(labels.NewBuilder(labels.EmptyLabels()))
	return []any{
		slog.String("job", lset.Get(model.JobLabel)),
		slog.String("instance", endpoint.Clean(lset.Get(model.InstanceLabel))),
		slog.String("url", endpoint.Shown(t.URL().String())),
	}
}
