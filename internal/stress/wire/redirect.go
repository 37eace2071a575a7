package wire

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Errors of redirects. They quote nothing of an answer: each text would become a
// separate failure, and reports show them.
var (
	errUnreadablePath = errors.New("the path of the redirected request cannot be parsed")
	errUnreadable     = errors.New("its Location cannot be parsed")
	errUnsendable     = errors.New("its Location cannot be sent")
	errOtherHost      = errors.New("it redirects to another host")
	errOtherPort      = errors.New("it redirects to another scheme or port")
)

// redirect turns a message into the redirected one, and reports whether there is a
// redirect.
func (c *Client) redirect(m *message, h *head) (bool, *Error) {
	if c.o.Redirects == 0 || h.status/100 != 3 {
		return false, nil
	}
	method := m.method
	switch h.status {
	case http.StatusMovedPermanently, http.StatusFound:
		// Browsers turn a POST into a GET, and keep other methods.
		if method == http.MethodPost {
			method = http.MethodGet
		}
	case http.StatusSeeOther:
		if method != http.MethodHead {
			method = http.MethodGet
		}
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return false, nil
	}
	location := c.resp.Header("Location")
	if location == "" {
		return false, nil
	}
	if c.resp.Redirects == c.o.Redirects {
		return false, &Error{Kind: Redirect, Err: fmt.Errorf("more than %d redirects", c.o.Redirects)}
	}
	path, err := c.follow(m, location)
	if err != nil {
		return false, &Error{Kind: Redirect, Err: err}
	}
	c.resp = Response{Redirects: c.resp.Redirects + 1}
	m.base, m.path = "", path
	m.size += len(path)
	if method != m.method {
		m.withoutBody(method)
	}
	return true, nil
}

// follow resolves a location against a message's path, if it stays within the target.
func (c *Client) follow(m *message, location string) (string, error) {
	from, err := url.Parse(m.base + m.path)
	if err != nil {
		return "", errUnreadablePath
	}
	from.Scheme, from.Host = c.target.url.Scheme, c.target.url.Host
	to, err := from.Parse(location)
	if err != nil {
		return "", errUnreadable
	}
	switch {
	case to.Opaque == "" && !strings.EqualFold(to.Hostname(), c.target.host):
		return "", errOtherHost
	case !c.target.has(to):
		return "", errOtherPort
	}
	path := to.EscapedPath()
	if path == "" {
		path = "/"
	}
	if to.RawQuery != "" {
		path += "?" + to.RawQuery
	}
	if path[0] != '/' || !isPath(path) {
		return "", errUnsendable
	}
	return path, nil
}

// has reports whether a URL has the target's scheme, host and port.
func (t *Target) has(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		port = portHTTP
		if u.Scheme == "https" {
			port = portHTTPS
		}
	}
	return u.Scheme == t.url.Scheme && strings.EqualFold(u.Hostname(), t.host) && port == t.port
}

// withoutBody removes the body of a message, and the fields that describe it.
func (m *message) withoutBody(method string) {
	m.method, m.body, m.framed, m.length, m.repeatable = method, nil, false, false, true
	m.header = slices.DeleteFunc(slices.Clone(m.header), func(f Field) bool {
		return len(f.Name) > len("Content-") && strings.EqualFold(f.Name[:len("Content-")], "Content-")
	})
}
