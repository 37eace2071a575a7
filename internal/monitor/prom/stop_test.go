package prom_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// stalled is a client that does not read its answer until it is released.
type stalled struct {
	*httptest.ResponseRecorder

	writing, release chan struct{}
}

func (s *stalled) Write(p []byte) (int, error) {
	select {
	case <-s.writing:
	default:
		close(s.writing)
	}
	<-s.release
	return s.ResponseRecorder.Write(p)
}

// TestRulesStopAtOnceDuringAQuery: if rules continued, they would report the targets of a
// process that stops as down.
func TestRulesStopAtOnceDuringAQuery(t *testing.T) {
	t.Parallel()
	o := options(t, newTarget(t))
	sent := make(chan struct{}, 1000)
	o.Send = func(context.Context, []*model.Alert) { sent <- struct{}{} }
	o.Rules, o.ResendDelay = []byte("groups: [{name: g, rules: [{alert: Always, expr: vector(1)}]}]"), pace/2
	r := start(t, o)
	client := &stalled{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		r.Handler().ServeHTTP(client, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/query?query=1", http.NoBody))
	}()
	<-client.writing
	eventually(t, "the alert", func() bool { return len(sent) > 0 })

	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	// In this time, rules that continue would be evaluated ten times. It is shorter than
	// the API waits for its clients. One evaluation may still be running.
	after := time.NewTimer(10 * pace)
	defer after.Stop()
	before := len(sent)
	<-after.C
	if more := len(sent) - before; more > 2 {
		t.Errorf("the alert was sent %d times after the stop", more)
	}
	close(client.release)
	<-answered
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
