package reply_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"onsale/internal/monitor/reply"
)

func refuse(w http.ResponseWriter, status int, message string) { http.Error(w, message, status) }

// TestFewCallsRunAtOnce makes 20 calls whose clients read nothing. Two run at a time, all
// of them run, and responses beyond 64 MB are rejected.
func TestFewCallsRunAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inside, made, most atomic.Int64
		place := make(chan struct{})
		h := reply.Few(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			most.Store(max(most.Load(), inside.Add(1)))
			defer inside.Add(-1)
			<-place
			made.Add(1)
			_, _ = w.Write(make([]byte, 10<<20))
		}), refuse)
		var clients sync.WaitGroup
		read := make(chan struct{})
		var answers [20]slowClient
		for i := range answers {
			answers[i] = slowClient{ResponseRecorder: httptest.NewRecorder(), read: read}
			clients.Go(func() { h.ServeHTTP(answers[i], httptest.NewRequest(http.MethodGet, "/", http.NoBody)) })
		}
		synctest.Wait()
		if inside.Load() != 2 {
			t.Errorf("%d calls run at once, want 2", inside.Load())
		}
		close(place)
		synctest.Wait()
		if made.Load() != 20 || most.Load() != 2 {
			t.Errorf("%d calls ran, up to %d at once, while clients did not read", made.Load(), most.Load())
		}
		close(read)
		clients.Wait()
		statuses := make(map[int]int)
		for _, a := range answers {
			statuses[a.Code]++
		}
		if want := map[int]int{http.StatusOK: 6, http.StatusServiceUnavailable: 14}; fmt.Sprint(statuses) != fmt.Sprint(want) {
			t.Errorf("the statuses are %v, want %v", statuses, want)
		}
	})
}

// slowClient blocks in Write until read is closed.
type slowClient struct {
	*httptest.ResponseRecorder
	read <-chan struct{}
}

func (c slowClient) Write(p []byte) (int, error) {
	<-c.read
	return c.ResponseRecorder.Write(p)
}

func TestLongAnswerIsRejected(t *testing.T) {
	t.Parallel()
	h := reply.Few(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(bytes.Repeat([]byte("x"), reply.MaxLength+1))
	}), refuse)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "longer than 16 MB") {
		t.Errorf("answered %d with %d bytes", w.Code, w.Body.Len())
	}
}
