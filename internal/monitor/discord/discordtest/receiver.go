// Package discordtest provides a fake Discord webhook for tests. It rejects what
// Discord would reject, keeps the messages that it accepts, and can fail on request.
//
// It defines the format of a message itself, so that it finds mistakes in package
// discord.
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

// Path is the path of a receiver's only webhook, and Token is the secret part of it.
const (
	Token = "aVerySecretToken"
	Path  = "/api/webhooks/ID/" + Token
)

// maxBody limits the body of a request, in bytes.
const maxBody = 1 << 20

// Message is an accepted message.
type Message struct {
	Body
	// JSON is the message as it was sent.
	JSON string
	// Received is when it was accepted.
	Received time.Time
	// Attempts is how often it was sent, including this time. It counts the requests
	// with the same title since that title was last accepted.
	Attempts int
}

// Request is a received request, accepted or not.
type Request struct {
	Received time.Time
	// Title is the title of the message.
	Title  string
	Status int
	// Problem is the rule that the message broke, or empty.
	Problem string
}

// Answer is a planned response that replaces the normal one.
type Answer struct {
	// Status is the status of the response; 0 means no response until the client
	// disconnects.
	Status int
	// RetryAfter and Global are sent with 429. The header has whole seconds, the body
	// has fractions. NoBody and NoHeader leave one of them out.
	RetryAfter       time.Duration
	Global           bool
	NoBody, NoHeader bool
	// Header and Body are added to the response.
	Header http.Header
	Body   string
	// Accept keeps the message in spite of the error, as if the response was lost.
	Accept bool
}

// Busy answers 429 with all fields that Discord sends.
func Busy(retryAfter time.Duration) Answer {
	return Answer{Status: http.StatusTooManyRequests, RetryAfter: retryAfter}
}

// Status answers with a status and an empty body.
func Status(status int) Answer { return Answer{Status: status} }

// Hang sends no response until the client disconnects.
func Hang() Answer { return Answer{} }

// Receiver is a fake webhook. It is an [http.Handler] for tests with their own server
// or without one. [Start] runs it on a server.
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

// New returns a receiver without a server. See [Receiver.RoundTrip].
func New() *Receiver {
	return &Receiver{attempts: map[string]int{}, changed: make(chan struct{})}
}

// Start returns a receiver that listens on a loopback address until Close.
func Start() *Receiver {
	r := New()
	r.server = httptest.NewServer(r)
	return r
}

// Close stops the server and ends hanging requests.
func (r *Receiver) Close() {
	r.server.CloseClientConnections()
	r.server.Close()
}

// URL returns the value for DISCORD_URL.
func (r *Receiver) URL() string { return r.server.URL + Path }

// Next plans the answer to the next n requests. Answers that were planned before come
// first.
func (r *Receiver) Next(n int, a Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, slices.Repeat([]Answer{a}, n)...)
}

// When lets choose return the answer to each message for which [Receiver.Next] has
// planned none. A nil answer means the normal response. A nil choose removes the
// function.
func (r *Receiver) When(choose func(Body) *Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.when = choose
}

// Messages returns the accepted messages, the oldest first.
func (r *Receiver) Messages() []Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

// Requests returns all received requests, the oldest first.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Wait waits for an accepted message for which wanted returns true, and returns the
// first. It returns an error if ctx ends first.
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
			return Message{}, fmt.Errorf("wait for a message, %d others arrived: %w", count, context.Cause(ctx))
		}
	}
}

// ServeHTTP answers like Discord.
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

// begin counts an attempt and returns the planned answer, or nil.
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

// end records the outcome of a request.
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

// write sends a planned answer.
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
	// An error means that the client has disconnected, which some tests do on purpose.
	_ = json.NewEncoder(w).Encode(body)
}

// RoundTrip implements [http.RoundTripper]. It lets tests use a receiver without a
// network, and so in a synctest bubble.
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
