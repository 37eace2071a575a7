package crowd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"onsale/internal/client"
	"onsale/internal/crowd"
)

// office is a fake ticket office without a network, so it works with virtual time.
// The test with a real server is in server_test.go.
type office struct {
	// hook runs before each call. It may wait, or return the response.
	hook func(r *http.Request) (status int, body string)
	// staleFor is how old a list of concerts may be.
	staleFor time.Duration

	mu       sync.Mutex
	concerts []concert
	listed   []concert // the list that GET /concerts returns
	listedAt time.Time
	tokens   map[string]string // user by token
	items    map[string]string // user by item
	issued   int
	seen     []visit
	cut      int // calls that the client cancelled
}

type concert struct {
	ID       int    `json:"id"`
	Title    string `json:"title"`
	Date     string `json:"date"`
	Venue    string `json:"venue"`
	Capacity int    `json:"capacity"`
	Sold     int    `json:"sold"`
}

// visit is a recorded call.
type visit struct {
	began, ended time.Time
	what         string // method and route
	email, user  string
	quantity     int
	status       int
}

func newOffice(concerts ...concert) *office {
	o := &office{tokens: map[string]string{}, items: map[string]string{}}
	for i, c := range concerts {
		c.ID = i + 1
		o.concerts = append(o.concerts, c)
	}
	return o
}

func (o *office) RoundTrip(r *http.Request) (*http.Response, error) {
	v := visit{began: time.Now(), what: r.Method + " " + r.URL.Path, user: r.Header.Get("User-Id")}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status, body := 0, ""
	if o.hook != nil {
		status, body = o.hook(r)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := r.Context().Err(); err != nil {
		o.cut++
		return nil, err
	}
	if status == 0 {
		status, body = o.answer(r, raw, &v)
	}
	v.ended, v.status = time.Now(), status
	o.seen = append(o.seen, v)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

// answer responds like the server to the calls that the crowd makes.
func (o *office) answer(r *http.Request, raw []byte, v *visit) (int, string) {
	path, last := r.URL.Path, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch {
	case v.what == "GET /concerts":
		if o.listed == nil || time.Since(o.listedAt) > o.staleFor {
			o.listed, o.listedAt = slices.Clone(o.concerts), time.Now()
		}
		return 200, encode(o.listed)
	case v.what == "POST /concerts/new":
		var c concert
		var asked struct {
			Title, Date, Venue string
			Tickets            int `json:"number_of_tickets"`
		}
		decode(raw, &asked)
		c.Title, c.Date, c.Venue, c.Capacity, c.ID = asked.Title, asked.Date, asked.Venue, asked.Tickets, len(o.concerts)+1
		o.concerts, o.listed = append(o.concerts, c), nil
		return 200, encode(c)
	case strings.HasPrefix(path, "/buy"):
		v.what = strings.TrimSuffix(v.what, last) + "{id}"
		return o.sell(last, raw, v)
	case v.what == "POST /api/token":
		o.issued++
		token := fmt.Sprintf("token-%d", o.issued)
		o.tokens[token] = v.user
		return 200, `{"token":"` + token + `"}`
	case o.tokens[r.Header.Get("Token")] != v.user || v.user == "":
		v.what = strings.TrimSuffix(v.what, "/"+last)
		return 403, `{"error":"Unauthorized"}`
	case v.what == "POST /api/items":
		id := fmt.Sprintf("item-%d", len(o.seen))
		o.items[id] = v.user
		return 201, `{"status":"item created","item_id":"` + id + `"}`
	case r.Method == http.MethodDelete && o.items[last] == v.user:
		v.what = "DELETE /api/items/{id}"
		delete(o.items, last)
		return 200, `{"status":"item deleted"}`
	}
	return 404, `{"code":"not_found","message":"No such path"}`
}

func (o *office) sell(id string, raw []byte, v *visit) (int, string) {
	var asked struct {
		Email    string `json:"user_email"`
		Quantity int    `json:"quantity"`
	}
	decode(raw, &asked)
	v.email, v.quantity = asked.Email, asked.Quantity
	for i := range o.concerts {
		c := &o.concerts[i]
		switch {
		case fmt.Sprint(c.ID) != id:
		case c.Sold+asked.Quantity > c.Capacity:
			return 409, `{"code":"sold_out","message":"Concert sold out"}`
		default:
			c.Sold += asked.Quantity
			return 200, fmt.Sprintf(`{"status":"success","concert_id":%d,"quantity":%d}`, c.ID, asked.Quantity)
		}
	}
	return 404, `{"code":"not_found","message":"Concert not found"}`
}

func encode(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func decode(raw []byte, into any) {
	if err := json.Unmarshal(raw, into); err != nil {
		panic(err)
	}
}

// of returns the calls of a method and route.
func (o *office) of(what string) []visit {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(o.seen), func(v visit) bool { return v.what != what })
}

// calls returns how many calls were made.
func (o *office) calls() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.seen)
}

// stock returns the concerts as they are now.
func (o *office) stock() []concert {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.concerts)
}

// payment delays purchases by the mean delay of the default fault plan.
func payment(r *http.Request) (int, string) {
	if strings.HasPrefix(r.URL.Path, "/buy") {
		pause(r, 2500*time.Millisecond)
	}
	return 0, ""
}

// pause waits for d, or until the client cancels the call.
func pause(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}

// lines are the messages of a logger.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Write(line []byte) (int, error) {
	var record struct{ Level, Msg string }
	decode(line, &record)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, record.Level+" "+record.Msg)
	return len(line), nil
}

// start runs a crowd at the office. The function that it returns stops it.
func start(t *testing.T, o *office, options crowd.Options) (*crowd.Crowd, func()) {
	t.Helper()
	api, err := client.New("http://onsale.test", client.Options{Transport: o})
	if err != nil {
		t.Fatal(err)
	}
	options.Client = api
	if options.Seed == 0 {
		options.Seed = 1
	}
	return run(t, options)
}

// run runs a crowd. The function that it returns stops it.
func run(t *testing.T, options crowd.Options) (*crowd.Crowd, func()) {
	t.Helper()
	c, err := crowd.New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := contextOf(t)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	return c, sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("crowd: %v", err)
		}
	})
}

// logTo returns a logger and what it writes.
func logTo() (*slog.Logger, *lines) {
	l := new(lines)
	return slog.New(slog.NewJSONHandler(l, nil)), l
}

// refuseAdmin rejects admin calls.
func refuseAdmin(r *http.Request) (int, string) {
	if r.URL.Path == "/concerts/new" {
		return 401, `{"code":"unauthorized","message":"Admin token missing or wrong"}`
	}
	return 0, ""
}

// contextOf returns a context that outlives that of the test.
func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(context.WithoutCancel(t.Context()))
}

func settings(users int, scenario string) crowd.Options {
	return crowd.Options{Settings: crowd.Settings{Users: users, Scenario: scenario}}
}

// near reports whether got differs from want by at most this share of want.
func near(got, want, share float64) bool { return math.Abs(got-want) <= share*want }
