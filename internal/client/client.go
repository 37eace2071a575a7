// Package client is a Go client of Onsale's API. [Client] has a method for every call. Its
// errors wrap those of the domain: a full queue is [sale.ErrBusy], another user's item is
// [item.ErrNotFound]. A concert that is sold out is not an error but a [sale.Outcome].
//
// The client makes each call once. The caller decides whether to retry; [Error] has the
// wait that the server requests.
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
	// DefaultTimeout is the default time limit of a call. The longest delay of the
	// default fault plan is 4 s, and the server's limit for its database is 5 s.
	DefaultTimeout = 30 * time.Second
	// maxAnswer limits an answer that is not a list, in bytes.
	maxAnswer = 64 << 10
	// maxList limits an answer that is a list, in bytes. That is about 300,000
	// concerts.
	maxList = 64 << 20
	// idleConns is the maximum number of idle connections.
	idleConns = 256
)

// Options of a [Client]. A zero field means its default.
type Options struct {
	// Transport makes the HTTP requests. By default the client has its own.
	Transport http.RoundTripper
	// Token is the admin token. It is sent only with admin calls. If it is set and the
	// server's URL is plain http, the client's own transport uses no proxy and
	// connects only to loopback addresses; other connections fail with
	// [ErrNotLoopback].
	Token string
	// Resolver resolves host names for the client's own transport; nil means that of
	// the system.
	Resolver *net.Resolver
	// Timeout is the time limit of a call, including reading the answer;
	// DefaultTimeout by default.
	Timeout time.Duration
	// UserAgent is the User-Agent header, "onsale" by default.
	UserAgent string
	// Now is the clock for a Retry-After that is a date; time.Now by default.
	Now func() time.Time
}

// Client calls one server. It reuses connections and does not follow redirects. It is safe
// for concurrent use.
type Client struct {
	base    string
	options Options
	http    *http.Client
}

// New returns a client of the server at the base URL, such as http://HOST:PORT. The URL
// can have a path, which is a prefix of the API's paths.
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
			// A redirected POST would become a GET, and the admin token must not be sent
			// to another address.
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

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one call of the API.
type call struct {
	method string
	// path is escaped and begins with a slash.
	path   string
	query  url.Values
	header http.Header
	// body is sent unchanged if it is a []byte, else encoded as JSON; nil means no
	// body.
	body  any
	admin bool
	// part selects the domain errors of the call.
	part part
	// want is the status of a success.
	want int
	// into receives the answer's JSON; nil ignores the answer.
	into any
	// check returns an error if the value of into is not valid.
	check func() error
	// list means that the answer is a list, which can be long.
	list bool
}

// part is a part of the API with its own domain errors.
type part uint8

const (
	ofSales part = iota
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
