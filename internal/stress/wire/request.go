package wire

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// alongside is the maximum length of a body, in bytes, that is copied behind its head
// to leave in one write. For a longer body, a second write costs less than the copy.
const alongside = 32 << 10

// message is a request that passed the checks.
type message struct {
	method string
	// base and path together are the requested path.
	base, path string
	header     []Field
	body       []byte

	// framed is set if the length of the body is sent.
	framed bool
	// host, agent and length are set if the header has these fields.
	host, agent, length bool
	// last is set if the connection ends with the answer.
	last bool
	// repeatable is set if sending the request twice is safe.
	repeatable bool
	// size is an upper bound for the length of the head, in bytes.
	size int
}

// check checks whether a request can be sent, and which fields have to be added.
func (c *Client) check(r *Request) (message, error) {
	m := message{
		method: r.Method, base: c.target.base, path: r.Path, header: r.Header, body: r.Body,
		framed: r.Body != nil, last: c.o.NewConnections,
	}
	if c.invalid != nil {
		return m, c.invalid
	}
	if !isToken(m.method) || m.method == http.MethodConnect {
		return m, fmt.Errorf("method %q cannot be sent", m.method)
	}
	switch {
	case m.path == "" && m.base == "":
		m.path = "/"
	case strings.HasPrefix(m.path, "?") && m.base == "":
		m.base = "/"
	case m.path != "" && m.path[0] != '/' && m.path[0] != '?':
		return m, fmt.Errorf("path %q does not begin with a slash", m.path)
	}
	if !isPath(m.path) {
		return m, fmt.Errorf("path %q has a space, a line break or another control character: escape it", m.path)
	}
	switch m.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		// Without a length, a server may wait for a body.
		m.framed = true
	}
	switch m.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		m.repeatable = true
	}
	m.size = len("  HTTP/1.1\r\n") + len(m.method) + len(m.base) + len(m.path) +
		len(c.target.field) + len(c.agent) + len("Content-Length: \r\nConnection: close\r\n\r\n") + 20
	for i := range m.header {
		if err := m.field(&m.header[i]); err != nil {
			return m, err
		}
	}
	return m, nil
}

// field checks one field, and notes if it replaces a field of the client.
func (m *message) field(f *Field) error {
	if !isToken(f.Name) {
		return fmt.Errorf("header %q has no valid name", f.Name)
	}
	if !isValue(f.Value) {
		return fmt.Errorf("header %s has a line break or another control character", f.Name)
	}
	m.size += len(f.Name) + len(f.Value) + len(": \r\n")
	// This switch avoids most comparisons of names.
	switch len(f.Name) {
	case len("Host"):
		m.host = m.host || strings.EqualFold(f.Name, "Host")
	case len("User-Agent"):
		m.agent = m.agent || strings.EqualFold(f.Name, "User-Agent")
		m.last = m.last || strings.EqualFold(f.Name, "Connection") && hasElement([]byte(f.Value), "close")
	case len("Idempotency-Key"):
		m.repeatable = m.repeatable || strings.EqualFold(f.Name, "Idempotency-Key")
	case len("Content-Length"):
		if !strings.EqualFold(f.Name, "Content-Length") {
			break
		}
		if n, err := strconv.Atoi(f.Value); err != nil || n != len(m.body) {
			return fmt.Errorf("header Content-Length is %q, but the body has %d bytes", f.Value, len(m.body))
		}
		m.length = true
	case len("Transfer-Encoding"):
		if strings.EqualFold(f.Name, "Transfer-Encoding") {
			return errors.New("header Transfer-Encoding cannot be set: a body is sent with its length")
		}
	}
	return nil
}

// head appends the head of the request.
func (c *Client) head(b []byte, m *message) []byte {
	b = append(b, m.method...)
	b = append(b, ' ')
	b = append(b, m.base...)
	b = append(b, m.path...)
	b = append(b, " HTTP/1.1\r\n"...)
	if !m.host {
		b = append(b, c.target.field...)
	}
	if !m.agent {
		b = append(b, c.agent...)
	}
	for i := range m.header {
		b = append(b, m.header[i].Name...)
		b = append(b, ": "...)
		b = append(b, m.header[i].Value...)
		b = append(b, "\r\n"...)
	}
	if m.framed && !m.length {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(m.body)), 10)
		b = append(b, "\r\n"...)
	}
	if c.o.NewConnections {
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

// isToken reports whether a text is a valid method or field name: RFC 9110, section
// 5.6.2.
func isToken[T string | []byte](s T) bool {
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return false
		}
	}
	return len(s) > 0
}

// tokenByte looks up a byte in two words with one bit per character.
func tokenByte(b byte) bool {
	const (
		low  = uint64(0x03ff6cfa00000000) // !#$%&'*+-. and digits
		high = uint64(0x57ffffffc7fffffe) // letters and ^_`|~
	)
	if b < 64 {
		return low>>b&1 != 0
	}
	return b < 128 && high>>(b-64)&1 != 0
}

// isPath reports whether a text is valid in the request line.
func isPath(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// isValue reports whether a text is a valid field value.
func isValue[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
