// Package discordtest has a receiver for tests that stands where Discord's
// webhooks are: it refuses what Discord would refuse, keeps what it accepted,
// and can be told to be out of order.
//
// It has its own idea of what a message looks like, so that a mistake in
// Onsale's is found here.
package discordtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Path is where the one webhook of a receiver is, and Token what is secret of it.
const (
	Token = "aVerySecretToken"
	Path  = "/api/webhooks/ID/" + Token
)

// maxBody bounds the body of a request, in bytes.
const maxBody = 1 << 20

// Message is a message that was accepted.
type Message struct {
	Body
	// JSON is the message as it was sent.
	JSON string
	// Received is when it was accepted.
	Received time.Time
	// Attempts is how often it was sent, this time included: as often as the
	// same title came since it was last accepted.
	Attempts int
}

// Request is a request that came, accepted or not.
type Request struct {
	Received time.Time
	// Title is that of the message.
	Title  string
	Status int
	// Problem is what was wrong with the message, or empty.
	Problem string
}

// Answer is what the receiver says instead of doing its work.
type Answer struct {
	// Status is the answer's; 0 gives none until the client goes away.
	Status int
	// RetryAfter and Global are told with 429; the header counts whole seconds,
	// the body fractions. NoBody and NoHeader leave one of them out.
	RetryAfter       time.Duration
	Global           bool
	NoBody, NoHeader bool
	// Header and Body are added to the answer.
	Header http.Header
	Body   string
	// Accept keeps the message nevertheless, as when an answer is lost.
	Accept bool
}

// Busy is 429 with everything that Discord tells along with it.
func Busy(retryAfter time.Duration) Answer {
	return Answer{Status: http.StatusTooManyRequests, RetryAfter: retryAfter}
}

// Status answers with a status alone.
func Status(status int) Answer { return Answer{Status: status} }

// Hang gives no answer until the client goes away.
func Hang() Answer { return Answer{} }

// Receiver is a webhook. It is an [http.Handler] for tests that bring their
// own server or none; [Start] gives it one.
type Receiver struct {
	server *httptest.Server

	mu       sync.Mutex
	answers  []Answer
	when     func(Body) *Answer
	attempts map[string]int
	requests []Request
	messages []Message
	changed  chan struct{}
}

// New returns a receiver without a server; see [Receiver.RoundTrip].
func New() *Receiver {
	return &Receiver{attempts: map[string]int{}, changed: make(chan struct{})}
}

// Start returns a receiver that listens on a loopback address until Close.
func Start() *Receiver {
	r := New()
	r.server = httptest.NewServer(r)
	return r
}

// Close stops the server. Requests that hang end first.
func (r *Receiver) Close() {
	r.server.CloseClientConnections()
	r.server.Close()
}

// URL is what DISCORD_URL should be.
func (r *Receiver) URL() string { return r.server.URL + Path }

// Next answers the next n requests like this. What was told before comes first.
func (r *Receiver) Next(n int, a Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, slices.Repeat([]Answer{a}, n)...)
}

// When asks choose what to answer to each message that nothing else is planned for;
// nil is to do the work. choose nil ends it.
func (r *Receiver) When(choose func(Body) *Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.when = choose
}

// Messages returns what was accepted, the oldest first.
func (r *Receiver) Messages() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

// Requests returns all that came, the oldest first.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Wait returns the first accepted message that is wanted, once there is one.
func (r *Receiver) Wait(ctx context.Context, wanted func(Message) bool) (Message, error) {
	for {
		r.mu.Lock()
		i, changed := slices.IndexFunc(r.messages, wanted), r.changed
		count := len(r.messages)
		if i >= 0 {
			m := r.messages[i]
			r.mu.Unlock()
			return m, nil
		}
		r.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Message{}, fmt.Errorf("wait for a message, %d others came: %w", count, context.Cause(ctx))
		}
	}
}

// ServeHTTP answers as Discord does.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	message, problem := parse(request, body)
	attempts, planned := r.begin(message)
	if planned != nil && planned.Status == 0 {
		r.end(message, body, attempts, Request{Problem: problem}, planned.Accept)
		<-request.Context().Done()
		return
	}
	switch {
	case planned != nil:
		r.end(message, body, attempts, Request{Status: planned.Status, Problem: problem}, planned.Accept)
		planned.write(w)
	case request.URL.Path != Path:
		r.end(message, body, attempts, Request{Status: http.StatusNotFound, Problem: "unknown webhook"}, false)
		answer(w, http.StatusNotFound, map[string]any{"message": "Unknown Webhook", "code": 10015})
	case problem != "":
		r.end(message, body, attempts, Request{Status: http.StatusBadRequest, Problem: problem}, false)
		answer(w, http.StatusBadRequest, map[string]any{"message": "Invalid Form Body: " + problem, "code": 50035})
	case request.URL.Query().Get("wait") == "true":
		r.end(message, body, attempts, Request{Status: http.StatusOK}, true)
		answer(w, http.StatusOK, map[string]any{"id": "1", "type": 0})
	default:
		r.end(message, body, attempts, Request{Status: http.StatusNoContent}, true)
		w.WriteHeader(http.StatusNoContent)
	}
}

// begin counts an attempt, and returns what to answer if that is planned.
func (r *Receiver) begin(message Body) (attempts int, planned *Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	title := message.Title()
	r.attempts[title]++
	attempts = r.attempts[title]
	if len(r.answers) > 0 {
		planned = &r.answers[0]
		r.answers = r.answers[1:]
	} else if r.when != nil {
		planned = r.when(message)
	}
	return attempts, planned
}

// end writes down what became of a request.
func (r *Receiver) end(message Body, body []byte, attempts int, request Request, accepted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	request.Received, request.Title = time.Now(), message.Title()
	r.requests = append(r.requests, request)
	if accepted {
		delete(r.attempts, message.Title())
		r.messages = append(r.messages, Message{Body: message, JSON: string(body), Received: request.Received, Attempts: attempts})
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// write gives a planned answer.
func (a Answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.Header)
	if a.Status != http.StatusTooManyRequests {
		w.WriteHeader(a.Status)
		fmt.Fprint(w, a.Body)
		return
	}
	if !a.NoHeader {
		whole := (a.RetryAfter + time.Second - 1) / time.Second
		w.Header().Set("Retry-After", strconv.Itoa(int(whole)))
	}
	if a.NoBody {
		w.WriteHeader(a.Status)
		return
	}
	answer(w, a.Status, map[string]any{
		"message": "You are being rate limited.", "retry_after": a.RetryAfter.Seconds(), "global": a.Global,
	})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that went away is what some tests are about.
	_ = json.NewEncoder(w).Encode(body)
}

// RoundTrip lets a receiver be a client's transport, without a network and so
// under a clock of the test's.
func (r *Receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	served := request.Clone(request.Context())
	served.Body = io.NopCloser(bytes.NewReader(body))
	recorder := httptest.NewRecorder()
	r.ServeHTTP(recorder, served)
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	return recorder.Result(), nil
}
