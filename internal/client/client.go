// Package client calls Onsale's API from Go. [Client] has a method for every
// call, and its errors are the domain's errors again: a full queue is
// [sale.ErrBusy], an item of somebody else [item.ErrNotFound], and a concert
// that is sold out no error but a [sale.Outcome].
//
// The client makes each call once. Whether to try again is for the caller to
// decide; [Error] says how long the server asks to wait before.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"onsale/internal/endpoint"
)

// Limits of a call and of its answer.
const (
	// DefaultTimeout ends a call unless set otherwise. The longest delay of the
	// default fault plan is 4 s, and the server gives its database 5 s.
	DefaultTimeout = 30 * time.Second
	// maxAnswer limits an answer about one thing, in bytes.
	maxAnswer = 64 << 10
	// maxList limits an answer that is a list, in bytes: some 300,000 concerts.
	maxList = 64 << 20
	// idleConns is how many connections are kept for the next calls.
	idleConns = 256
)

// Options of a [Client]. The zero value of a field stands for its default.
type Options struct {
	// Transport carries the calls; one of the client's own by default.
	Transport http.RoundTripper
	// Token is the admin token. It is sent with admin calls alone. Over plain http
	// the client's own transport connects to loopback addresses alone if there is
	// one, and to no proxy; any other connection fails with [ErrNotLoopback].
	Token string
	// Resolver looks up the host for that transport; nil is the system's.
	Resolver *net.Resolver
	// Timeout ends a call, its answer included; DefaultTimeout by default.
	Timeout time.Duration
	// UserAgent names the program that calls, "onsale" by default.
	UserAgent string
	// Now tells the time for a Retry-After that is a date; time.Now by default.
	Now func() time.Time
}

// Client calls one server. It is safe for concurrent use, and keeps
// connections for the next call. It follows no redirects.
type Client struct {
	base    string
	options Options
	http    *http.Client
}

// New returns a client of the server at the base URL, http://HOST:PORT, which
// may have a path before those of the API.
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("the server's URL must look like http://127.0.0.1:8000")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the server's URL must have neither a user nor a query nor a fragment")
	case o.Timeout < 0:
		return nil, fmt.Errorf("timeout must not be negative, but is %s", o.Timeout)
	}
	if o.Transport == nil {
		o.Transport = newTransport(o, u.Scheme == "http")
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.UserAgent == "" {
		o.UserAgent = "onsale"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{
		base:    strings.TrimRight(u.String(), "/"),
		options: o,
		http: &http.Client{
			Transport: o.Transport,
			// A redirected POST comes out as a GET, and the admin token goes nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func newTransport(o Options, plain bool) *http.Transport {
	d := &net.Dialer{Resolver: o.Resolver}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         d.DialContext,
		MaxIdleConns:        idleConns,
		MaxIdleConnsPerHost: idleConns,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	if plain && o.Token != "" {
		t.Proxy = nil
		d.ControlContext = endpoint.Only(endpoint.IsLoopback, ErrNotLoopback)
	}
	return t
}

// Close closes the connections that wait for a next call.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one call of the API.
type call struct {
	method string
	// path is escaped, and begins with a slash.
	path   string
	query  url.Values
	header http.Header
	// body is sent as it is if it is a []byte, else as JSON; nil sends none.
	body  any
	admin bool
	// room says in whose words errors are told.
	room room
	// want is the status of a success.
	want int
	// into takes the answer's JSON; nil leaves it unread.
	into any
	// check says what is wrong with what into has taken, if anything is.
	check func() error
	// list says that the answer may be long.
	list bool
}

// room is a part of the API with errors of its own.
type room uint8

const (
	ofSales room = iota
	ofItems
	ofFaults
)

// do makes the call and returns the header of a success.
func (c *Client) do(ctx context.Context, k call) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	request, err := c.request(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", k.method, k.path, err)
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, newTransportError(k, err)
	}
	defer answer.Body.Close()
	limit := maxAnswer
	if k.list && answer.StatusCode == k.want {
		limit = maxList
	}
	body, whole, err := read(answer.Body, limit)
	switch {
	case err != nil:
		return nil, newTransportError(k, err)
	case answer.StatusCode != k.want && answer.StatusCode/100 != 2:
		return nil, c.problem(k, answer, body)
	case answer.StatusCode != k.want:
		return nil, newAnswerError(k, answer.StatusCode, body, fmt.Errorf("want status %d", k.want))
	case !whole:
		return nil, newAnswerError(k, answer.StatusCode, body, fmt.Errorf("longer than %d bytes", limit))
	}
	if k.into == nil {
		return answer.Header, nil
	}
	err = json.Unmarshal(body, k.into)
	if err == nil && k.check != nil {
		err = k.check()
	}
	if err != nil {
		return nil, newAnswerError(k, answer.StatusCode, body, err)
	}
	return answer.Header, nil
}

// request makes the HTTP request of a call.
func (c *Client) request(ctx context.Context, k call) (*http.Request, error) {
	var body []byte
	switch b := k.body.(type) {
	case nil:
	case []byte:
		body = b
	default:
		var err error
		if body, err = json.Marshal(b); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
	}
	address := c.base + k.path
	if len(k.query) > 0 {
		address += "?" + k.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, k.method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, k.header)
	if k.body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json, application/problem+json")
	request.Header.Set("User-Agent", c.options.UserAgent)
	if k.admin && c.options.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.options.Token)
	}
	return request, nil
}
