package scenariofile

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"onsale/internal/stress/wire"
)

// Plain is one request that users repeat, as with wrk and hey.
type Plain struct {
	// URL begins with http:// or https://; without either, http is used. A user and a
	// password in it become an Authorization header.
	URL string
	// Method defaults to GET, or to POST if there is a body.
	Method string
	// Header has fields as in HTTP: "Name: value".
	Header []string
	// Body is the body; @file reads it from a file, and "" sends none.
	Body string
	// ContentType is the type of the body, unless a header field sets it.
	ContentType string
}

// FromURL returns the scenario of one request.
func FromURL(p Plain, o Options) (*Definition, error) {
	o = o.withDefaults()
	r := request{url: p.URL, method: p.Method}
	for _, line := range p.Header {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("header %q must look like 'Name: value'", nameOf(line))
		}
		r.header = append(r.header, wire.Field{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	}
	if p.Body != "" {
		r.body = []byte(p.Body)
	}
	if file, ok := strings.CutPrefix(p.Body, "@"); ok {
		body, err := readBody(file, o)
		if err != nil {
			return nil, err
		}
		r.body = body
	}
	if r.body != nil && p.ContentType != "" {
		r.setDefault("Content-Type", p.ContentType)
	}
	return r.definition("url", o)
}

// nameOf returns the part of a header line that is not secret: everything before the first
// character that can separate a name from its value.
func nameOf(line string) string {
	if end := strings.IndexAny(line, " \t=:"); end >= 0 {
		return line[:end] + " …"
	}
	return line
}

// readBody reads a file that is sent as a body.
func readBody(file string, o Options) ([]byte, error) {
	body, err := o.ReadFile(file)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read body: %w", err)
	case len(body) > maxBodyFile:
		return nil, fmt.Errorf("read body: %s has more than %d bytes", file, maxBodyFile)
	case body == nil:
		body = []byte{}
	}
	return body, nil
}

// request is a plain request before it is checked.
type request struct {
	url, method string
	header      []wire.Field
	// body is nil if the request has no body.
	body      []byte
	timeout   time.Duration
	redirects int
	insecure  bool
	warnings  []string
}

// has reports whether a header field is set.
func (r *request) has(name string) bool {
	for _, f := range r.header {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

// setDefault sets a header field unless it is set.
func (r *request) setDefault(name, value string) {
	if !r.has(name) {
		r.header = append(r.header, wire.Field{Name: name, Value: value})
	}
}

// definition checks the request and returns a scenario that repeats it.
func (r *request) definition(name string, o Options) (*Definition, error) {
	host, path, err := r.split()
	if err != nil {
		return nil, err
	}
	if r.method == "" {
		r.method = "GET"
		if r.body != nil {
			r.method = "POST"
		}
	}
	if !isToken(r.method) {
		return nil, fmt.Errorf("method %q must be a word such as GET or POST", r.method)
	}
	for _, f := range r.header {
		switch {
		case !isToken(f.Name):
			return nil, fmt.Errorf("header %q does not have a valid name", nameOf(f.Name))
		case strings.EqualFold(f.Name, "Content-Length"), strings.EqualFold(f.Name, "Transfer-Encoding"):
			return nil, fmt.Errorf("header %s cannot be set, because it follows from the body", f.Name)
		case strings.ContainsFunc(f.Value, isControl):
			return nil, fmt.Errorf("header %s must be one line without control characters", f.Name)
		}
	}
	// A query can have a secret in it, so that statistics and reports show only the path.
	shown, _, _ := strings.Cut(path, "?")
	s := step{name: shown, method: r.method, path: fixed(path), header: r.header, hasBody: r.body != nil, content: r.body, status: success(), plain: true}
	return &Definition{
		Name: name, Summary: r.method + " " + shown, Host: host,
		Timeout: r.timeout, Redirects: r.redirects, Insecure: r.insecure, Warnings: r.warnings,
		kinds:   []kind{{name: "user", weight: 1, tasks: []task{{name: shown, weight: 1, steps: []step{s}}}}},
		options: o,
	}, nil
}

// errURL does not repeat the URL, because it can have a password in it.
var errURL = errors.New("the URL must look like http://127.0.0.1:8000/concerts")

// split returns target and path of the URL, and sets Authorization if it has a user.
func (r *request) split() (host, path string, err error) {
	text := r.url
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(escapeURL(text))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", "", errURL
	}
	target, err := wire.ParseTarget(u.Scheme + "://" + u.Host)
	if err != nil {
		return "", "", fmt.Errorf("read URL: %w", err)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		r.setDefault("Authorization", basic(u.User.Username(), password))
	}
	path = u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	return target.String(), path, nil
}

// escapeURL escapes the characters that a request line cannot have, and no others.
func escapeURL(text string) string {
	var b []byte
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			b = append(b, '%', hexDigits[c>>4], hexDigits[c&15])
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

// basic returns the value of an Authorization header for a user and a password (RFC 7617).
func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
