package telemetry

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// TraceID returns the trace id in a request's traceparent header (W3C Trace Context,
// 3.2.2): 32 hexadecimal digits, or "" if the header is absent or malformed. The check is
// strict, because clients control the header and the id appears in the metrics.
func TraceID(header http.Header) string {
	const length = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	parent := header.Get("traceparent")
	if len(parent) != length || !strings.HasPrefix(parent, "00-") || parent[35] != '-' || parent[52] != '-' {
		return ""
	}
	id := parent[3:35]
	if strings.Trim(id, "0123456789abcdef") != "" || strings.Trim(id, "0") == "" {
		return ""
	}
	return id
}

// ObserveTrace is Observe for a request that is part of a trace. An exemplar links the
// duration to the trace. An empty id means no trace.
func (h *HTTP) ObserveTrace(method, endpoint string, status int, seconds float64, traceID string) {
	var exemplar prometheus.Labels
	if traceID != "" {
		exemplar = prometheus.Labels{"trace_id": traceID}
	}
	seconds = sane(seconds)
	s := h.seriesOf(method, endpoint)
	if !s.used.Load() && !s.used.Swap(true) {
		h.makeCounters(s, s.inUse)
	}
	h.counterOf(s, status).Inc()
	observe(h.durationOf(s), seconds, exemplar)
	observe(h.duration, seconds, exemplar)
}

func observe(histogram prometheus.Observer, seconds float64, exemplar prometheus.Labels) {
	if o, ok := histogram.(prometheus.ExemplarObserver); ok && exemplar != nil {
		o.ObserveWithExemplar(seconds, exemplar)
		return
	}
	histogram.Observe(seconds)
}
