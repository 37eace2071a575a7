package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress/api"
	"onsale/internal/stress/stats"
)

// pipes is a listener without a network, so that streams run in virtual time.
type pipes struct {
	calls  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{calls: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.calls:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.calls <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// served is a server of the API with ordinary read and write timeouts.
type served struct {
	runner *runner
	client *http.Client
	pipes  *pipes
	// stop ends the streams, as the application does when it shuts down.
	stop context.CancelFunc
	http *http.Server
}

func serve(t *testing.T) *served {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	s := &served{runner: &runner{}, pipes: newPipes(), stop: stop}
	s.http = &http.Server{
		Handler:     api.Handler(ctx, s.runner, slog.New(slog.DiscardHandler)),
		ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second,
	}
	transport := &http.Transport{DialContext: s.pipes.dial}
	s.client = &http.Client{Transport: transport}
	ended := make(chan error, 1)
	go func() { ended <- s.http.Serve(s.pipes) }()
	t.Cleanup(func() {
		stop()
		transport.CloseIdleConnections()
		if err := s.http.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return s
}

// event is an event as a browser decodes it.
type event struct {
	name, id string
	data     struct {
		Running    bool
		ID, Report string
		Run        *struct {
			Now   struct{ Users int }
			Total struct{ Requests int64 }
			Names []struct {
				Method, Name string
				Requests     int64
			}
			Point *stats.Point
		}
	}
	// comment is a comment that is not part of an event.
	comment string
	at      time.Duration // since the stream began
}

// reader reads a stream until its end.
type reader struct {
	t      *testing.T
	header http.Header
	retry  string
	events chan event
	stop   context.CancelFunc
}

// listen opens a stream, like a browser that has received the event lastEventID.
func (s *served) listen(t *testing.T, lastEventID string) *reader {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://stress/stress/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		request.Header.Set("Last-Event-ID", lastEventID)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", answer.StatusCode, answer.Header)
	}
	r := &reader{t: t, header: answer.Header, events: make(chan event, 1000), stop: stop}
	lines := bufio.NewScanner(answer.Body)
	if lines.Scan() {
		r.retry = lines.Text()
	}
	began := time.Now()
	go func() {
		defer close(r.events)
		var e event
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				if err := json.Unmarshal([]byte(value), &e.data); err != nil {
					t.Errorf("%s: %v", value, err)
				}
			case "": // a comment begins with the colon, and an event ends with an empty line
				e.comment = value
				if value == "" && e.name != "" {
					e.at = time.Since(began)
					r.events <- e
					e = event{}
				} else if value != "" {
					r.events <- event{comment: value, at: time.Since(began)}
				}
			}
		}
	}()
	return r
}

// seen returns the events received so far.
func (r *reader) seen() (all []event) {
	synctest.Wait()
	for {
		select {
		case e, ok := <-r.events:
			if !ok {
				return all
			}
			all = append(all, e)
		default:
			return all
		}
	}
}

// ended reports whether the stream is over.
func (r *reader) ended() bool {
	synctest.Wait()
	r.seen()
	select {
	case _, ok := <-r.events:
		return !ok
	default:
		return false
	}
}

// story lists events in a line.
func story(all []event) string {
	parts := make([]string, 0, len(all))
	for _, e := range all {
		text := fmt.Sprintf("%s %s", e.name, e.id)
		if e.comment != "" {
			text = ":"
		}
		parts = append(parts, fmt.Sprintf("%.0fs %s", e.at.Seconds(), text))
	}
	return strings.Join(parts, ", ")
}

const (
	first  = "20261122-090000-7f3a"
	second = "20261122-090001-7f3a"
)

// TestTwoClientsSeeARun: two clients see a run from before its start to after its
// end, although the server's own timeouts are shorter.
func TestTwoClientsSeeARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		one, two := s.listen(t, ""), s.listen(t, "")
		for _, r := range []*reader{one, two} {
			if got := story(r.seen()); got != "0s state idle/" || r.retry != "retry: 2000" || r.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %s, %v", got, r.retry, r.header)
			}
		}
		time.Sleep(40*time.Second + time.Second/2) // between two polls
		if got := story(one.seen()); got != "15s :, 30s :" {
			t.Errorf("while nothing runs: %s", got)
		}
		two.seen()

		call(s.http.Handler, "POST", "/stress/runs", `{"users":50}`)
		polled := s.runner.polled
		for i := range 5 {
			s.runner.count(int64(100 * (i + 1)))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := s.runner.polled - polled; n > 6 {
			t.Errorf("two clients polled the runner %d times in 5 s", n)
		}
		for i, r := range []*reader{one, two} {
			all := r.seen()
			if got := story(all); got != "41s state running/"+first+", 42s state running/"+first+", 43s state running/"+first+
				", 44s state running/"+first+", 45s state running/"+first {
				t.Fatalf("client %d: %s", i, got)
			}
			last := all[4].data
			if !last.Running || last.ID != first || last.Run.Now.Users != 50 || last.Run.Total.Requests != 500 || len(last.Run.Names) != 1 ||
				last.Run.Names[0].Name != "/concerts" || last.Run.Point == nil || last.Run.Point.Requests != last.Run.Total.Requests {
				t.Errorf("client %d: %+v", i, last)
			}
		}

		two.stop()
		s.runner.end()
		time.Sleep(10 * time.Second)
		all := one.seen()
		if got := story(all); got != "46s end idle/"+first+", 46s state idle/"+first {
			t.Fatalf("at the end: %s", got)
		}
		if e := all[0].data; e.ID != first || e.Report != "/stress/runs/"+first {
			t.Errorf("end: %+v", e)
		}
		if !two.ended() || one.ended() {
			t.Error("the client that disconnected is still connected, or the other is not")
		}
	})
}

// TestClientsLearnOfEachEndOnce: a client that reconnects, and one that stays
// connected while runs follow each other within a second, get each end once.
func TestClientsLearnOfEachEndOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		there := s.listen(t, "")
		time.Sleep(time.Second + time.Second/2)
		run := func() {
			call(s.http.Handler, "POST", "/stress/runs", `{}`)
			s.runner.end()
		}
		run() // between two polls
		time.Sleep(time.Second)
		call(s.http.Handler, "POST", "/stress/runs", `{}`)
		time.Sleep(time.Second)
		want := "0s state idle/, 2s end idle/" + first + ", 2s state idle/" + first + ", 3s state running/" + second
		if got := story(there.seen()); got != want {
			t.Errorf("there: %s, want %s", got, want)
		}
		s.runner.end()
		for lastEventID, want := range map[string]string{
			"":                                     "state idle/" + second,
			"idle/" + second:                       "state idle/" + second,
			"running/" + second:                    "end idle/" + second + ", 0s state idle/" + second,
			"idle/" + first:                        "end idle/" + second + ", 0s state idle/" + second,
			"running/" + first:                     "end idle/" + first + ", 0s end idle/" + second + ", 0s state idle/" + second,
			"something else":                       "state idle/" + second,
			strings.Repeat("x", 90):                "state idle/" + second,
			"running/" + strings.Repeat("x", 1000): "state idle/" + second,
		} {
			again := s.listen(t, lastEventID)
			if got := story(again.seen()); got != "0s "+want {
				t.Errorf("again, after %.40s: %s, want %s", lastEventID, got, want)
			}
			again.stop()
		}
	})
}

// TestStreamsEndWithTheServer: a server that shuts down gracefully does not wait
// for streams.
func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		one, two := s.listen(t, ""), s.listen(t, "")
		time.Sleep(time.Minute)
		began := time.Now()
		s.stop()
		if !one.ended() || !two.ended() {
			t.Fatal("a stream goes on")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.http.Shutdown(ctx); err != nil || time.Since(began) > 2*time.Second {
			t.Errorf("shut down after %s: %v", time.Since(began), err)
		}
		w := call(s.http.Handler, http.MethodGet, "/stress/events", "")
		wantProblem(t, w, 503, "stopping", "")
	})
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		var all []*reader
		for range 100 {
			all = append(all, s.listen(t, ""))
		}
		w := call(s.http.Handler, http.MethodGet, "/stress/events", "")
		wantProblem(t, w, 503, "busy", "")
		if w.Header().Get("Retry-After") == "" {
			t.Error("the response has no Retry-After")
		}
		all[0].stop()
		time.Sleep(time.Second)
		if got := story(s.listen(t, "").seen()); got != "0s state idle/" {
			t.Errorf("in the free place: %s", got)
		}
	})
}

// TestSlowClientsAreDisconnected: a client that stops reading is disconnected and
// does not delay other clients.
func TestSlowClientsAreDisconnected(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		slow, err := s.pipes.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		if _, err := fmt.Fprint(slow, "GET /stress/events HTTP/1.1\r\nHost: stress\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReaderSize(slow, 16).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
			t.Fatalf("%s: %v", line, err)
		}
		call(s.http.Handler, "POST", "/stress/runs", `{}`)
		quick := s.listen(t, "")
		time.Sleep(time.Second / 2)
		for i := range 8 {
			s.runner.count(int64(i))
			time.Sleep(time.Second)
		}
		if n := len(quick.seen()); n < 8 {
			t.Errorf("the other client got %d events", n)
		}
		if err := slow.SetReadDeadline(time.Time{}); err != nil {
			t.Errorf("the connection of the slow client is closed too soon: %v", err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if err := slow.SetReadDeadline(time.Now().Add(time.Minute)); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("the connection of the slow client is open: %v", err)
		}
	})
}
