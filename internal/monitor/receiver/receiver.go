// Package receiver accepts webhook notifications from an Alertmanager or a Grafana outside
// this process. It passes them to package discord, which stores them and delivers them
// until Discord confirms them.
//
// An Alertmanager by itself drops a notification if Discord answers 429, or if it is
// restarted. With this receiver in between, the notification is safe once it is on disk
// here.
package receiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"onsale/internal/monitor/discord"
	"onsale/internal/problem"
)

const (
	// MaxBody limits the body of a notification, in bytes. It is enough for about 5,000
	// alerts of Alertmanager.
	MaxBody = 8 << 20
	// maxAlerts limits the alerts of a notification.
	maxAlerts = 10_000
	// maxReading is how many notifications are read at the same time. Others wait for at
	// most maxWait.
	maxReading = 4
	maxWait    = 5 * time.Second
)

// Options say where notifications go.
type Options struct {
	Notifier   *discord.Notifier
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// receiver answers the webhook.
type receiver struct {
	notifier *discord.Notifier
	log      *slog.Logger
	reading  chan struct{}
	received *prometheus.CounterVec
}

// The results of a request, which are label values of the metric.
const (
	accepted = "accepted"
	repeated = "repeated"
	invalid  = "invalid"
	notKept  = "not_kept"
)

// New returns a handler for the webhooks of Alertmanager (version 4) and of Grafana's
// contact points (version 1). It answers 200 once the notification is on disk, and 400,
// 413, 415 or 422 if the notification is invalid. It answers 503 if the notification
// cannot be stored; then the sender retries. The handler does no authentication.
func New(o Options) http.Handler {
	h := &receiver{
		notifier: o.Notifier, log: o.Logger.With("component", "receiver"), reading: make(chan struct{}, maxReading),
		received: promauto.With(o.Registerer).NewCounterVec(prometheus.CounterOpts{
			Name: "onsale_notifications_received_total",
			Help: "Received notifications, by result: accepted, repeated (already received before), invalid, not_kept.",
		}, []string{"result"}),
	}
	for _, result := range []string{accepted, repeated, invalid, notKept} {
		h.received.WithLabelValues(result)
	}
	return h
}

// ServeHTTP accepts one notification.
func (h *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), maxWait)
	defer cancel()
	select {
	case h.reading <- struct{}{}:
		defer func() { <-h.reading }()
	case <-ctx.Done():
		h.refuse(w, r, notKept, again("Too many notifications are being read."))
		return
	}
	message, wrong := read(w, r)
	if wrong != nil {
		result := invalid
		if wrong.Status == http.StatusServiceUnavailable {
			result = notKept
		}
		h.refuse(w, r, result, wrong)
		return
	}
	entry, known, err := h.notifier.Accept(message.group, message.alerts...)
	if err != nil {
		detail := "The notification cannot be written to disk." // the inbox logs the reason
		if errors.Is(err, discord.ErrFull) {
			detail = "The queue is full of notifications that are more severe or newer."
		}
		h.refuse(w, r, notKept, again(detail))
		return
	}
	result := accepted
	if known {
		result = repeated
	}
	h.received.WithLabelValues(result).Inc()
	problem.Answer(w, http.StatusOK, map[string]any{"id": entry.ID, "result": result, "delivery": entry.Delivery.State})
}

// refuse answers with a problem, and counts and logs it.
func (h *receiver) refuse(w http.ResponseWriter, r *http.Request, result string, p *problem.Problem) {
	h.received.WithLabelValues(result).Inc()
	h.log.WarnContext(r.Context(), "rejected a notification", "from", r.RemoteAddr, "status", p.Status, "reason", p.Detail)
	p.Write(w)
}

// again returns the problem that makes the sender retry. Alertmanager retries only after
// 5xx.
func again(detail string) *problem.Problem {
	return problem.New(http.StatusServiceUnavailable, "not_kept", "Notification not kept", detail+" Send it again.")
}

// read reads and parses the body of a request.
func read(w http.ResponseWriter, r *http.Request) (message, *problem.Problem) {
	if given := r.Header.Get("Content-Type"); given != "" {
		if media, _, err := mime.ParseMediaType(given); err != nil || media != "application/json" {
			return message{}, problem.New(http.StatusUnsupportedMediaType, "unsupported_media_type", "Unsupported media type",
				"Nothing was kept.", problem.FieldProblem{Field: "body", Rule: "must be application/json"})
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return message{}, problem.New(http.StatusRequestEntityTooLarge, "too_large", "Request too large",
			"Nothing was kept. Set max_alerts in the webhook_configs of Alertmanager, or maxAlerts in the contact point of Grafana.",
			problem.FieldProblem{Field: "body", Rule: fmt.Sprintf("must be at most %d bytes long", MaxBody)})
	case err != nil:
		return message{}, again("The body is incomplete or did not arrive in time.")
	}
	return parse(body)
}

func malformed(rule string) *problem.Problem {
	return problem.New(http.StatusBadRequest, "malformed", "Malformed request", "Nothing was kept.", problem.FieldProblem{Field: "body", Rule: rule})
}
