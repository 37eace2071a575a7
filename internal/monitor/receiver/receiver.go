// Package receiver takes notifications that an Alertmanager or a Grafana outside this
// process sends by its webhook, and hands them to package discord, which keeps them,
// and delivers them until Discord confirms them.
//
// An Alertmanager drops a notification at which Discord answers 429, and forgets it when
// it is restarted. With this package between them it has done its part once the
// notification is on disk here.
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
	// MaxBody is how long the body of a notification may be, in bytes: some 5,000
	// alerts of Alertmanager's form.
	MaxBody = 8 << 20
	// maxAlerts is how many alerts a notification may have.
	maxAlerts = 10_000
	// maxReading is how many notifications are read at the same time. Further ones wait,
	// for maxWait at most.
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

// The results of a request, as the metric has them.
const (
	accepted = "accepted"
	repeated = "repeated"
	invalid  = "invalid"
	notKept  = "not_kept"
)

// New returns what answers the webhook of Alertmanager (version 4) and that of a contact
// point of Grafana (version 1). It answers 200 once the notification is on disk. It
// answers 400, 413, 415 or 422 if the notification cannot be read, and 503 if it cannot
// be kept, so that the sender repeats it. Whoever mounts it guards it.
func New(o Options) http.Handler {
	h := &receiver{
		notifier: o.Notifier, log: o.Logger.With("component", "receiver"), reading: make(chan struct{}, maxReading),
		received: promauto.With(o.Registerer).NewCounterVec(prometheus.CounterOpts{
			Name: "onsale_notifications_received_total",
			Help: "Notifications that were posted, by result: accepted, repeated (it was there already), invalid, not_kept.",
		}, []string{"result"}),
	}
	for _, result := range []string{accepted, repeated, invalid, notKept} {
		h.received.WithLabelValues(result)
	}
	return h
}

// ServeHTTP takes one notification.
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
		detail := "The notification cannot be written to disk." // the log of the inbox says why
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

// refuse answers with a problem, counts it, and logs it.
func (h *receiver) refuse(w http.ResponseWriter, r *http.Request, result string, p *problem.Problem) {
	h.received.WithLabelValues(result).Inc()
	h.log.WarnContext(r.Context(), "notification not taken", "from", r.RemoteAddr, "status", p.Status, "reason", p.Detail)
	p.Write(w)
}

// again is the problem of a notification that its sender should send again. Alertmanager
// does so after a status of 5xx alone.
func again(detail string) *problem.Problem {
	return problem.New(http.StatusServiceUnavailable, "not_kept", "Notification not kept", detail+" Send it again.")
}

// read reads a notification from a request.
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
		return message{}, again("The body was cut off, or did not arrive in time.")
	}
	return parse(body)
}

func malformed(rule string) *problem.Problem {
	return problem.New(http.StatusBadRequest, "malformed", "Malformed request", "Nothing was kept.", problem.FieldProblem{Field: "body", Rule: rule})
}
