package wire

import (
	"bytes"
	"errors"
	"iter"
	"net/http"
	"strings"
)

// version is the beginning of each answer.
const version = "HTTP/1."

// untilClosed is the length of a body that ends with the connection.
const untilClosed = -1

// head is a parsed head.
type head struct {
	status int
	// minor is the second 1 in HTTP/1.1.
	minor byte
	// length is the length of the body in bytes, or untilClosed.
	length  int64
	chunked bool
	// keep is set if the connection can carry another request.
	keep bool
}

// headEnd returns where a head ends, after its empty line; 0 if it is incomplete. The
// bytes before from have been searched already. Lines can end without a carriage
// return, as RFC 9112, section 2.2 allows.
func headEnd(b []byte, from int) int {
	for i := from; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0
		}
		i += n + 1
		switch {
		case i < len(b) && b[i] == '\n':
			return i + 1
		case i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n':
			return i + 2
		}
	}
}

// isAnswer reports whether the bytes can be the beginning of an answer. Other protocols
// need not send an empty line.
func isAnswer(b []byte) bool {
	n := min(len(b), len(version))
	return string(b[:n]) == version[:n]
}

// parseHead parses a complete head, and unfolds folded lines in place.
func parseHead(b []byte) (head, error) {
	line, rest := cutLine(b)
	h, err := parseStatus(line)
	if err != nil {
		return h, err
	}
	if len(rest) > 0 && (rest[0] == ' ' || rest[0] == '\t') {
		return h, errors.New("the line after the status begins with a space")
	}
	unfold(rest)
	var closes, keeps, length bool
	for {
		if line, rest = cutLine(rest); len(line) == 0 {
			break
		}
		name, value, err := cutField(line)
		if err != nil {
			return h, err
		}
		// This switch avoids most comparisons of names.
		switch len(name) {
		case len("Connection"):
			if bytes.EqualFold(name, []byte("Connection")) {
				closes = closes || hasElement(value, "close")
				keeps = keeps || hasElement(value, "keep-alive")
			}
		case len("Content-Length"):
			if bytes.EqualFold(name, []byte("Content-Length")) {
				n, ok := parseLength(value)
				if !ok || length && n != h.length {
					return h, errors.New("its Content-Length is not a number, or there are two")
				}
				h.length, length = n, true
			}
		case len("Transfer-Encoding"):
			if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
				if h.chunked || h.minor == 0 || !bytes.EqualFold(value, []byte("chunked")) {
					return h, errors.New("its Transfer-Encoding is not chunked, or there are two")
				}
				h.chunked = true
			}
		}
	}
	h.keep = !closes && (h.minor > 0 || keeps)
	if h.chunked && length {
		// An intermediary may have read it the other way: RFC 9112, section 6.3.
		h.keep = false
	}
	return h, nil
}

// parseStatus parses the first line, such as HTTP/1.1 200 OK.
func parseStatus(line []byte) (head, error) {
	h := head{length: untilClosed}
	switch {
	case len(line) > 0 && (line[0] == 0x15 || line[0] == 0x16):
		return h, errors.New("it looks like TLS: use https in the URL")
	case len(line) < len("HTTP/1.1 200") || !isAnswer(line) || line[8] != ' ',
		len(line) > len("HTTP/1.1 200") && line[12] != ' ':
		return h, errors.New("it does not begin with HTTP/1.x and a status")
	}
	h.minor = line[7] - '0'
	for _, d := range line[9:12] {
		h.status = h.status*10 + int(d-'0')
		if d < '0' || d > '9' {
			h.status = 0
			break
		}
	}
	if h.minor > 9 || h.status < 100 {
		return h, errors.New("it does not begin with HTTP/1.x and a status")
	}
	return h, nil
}

// bodyless reports whether an answer has no body, whatever its head declares.
func (h *head) bodyless(method string) bool {
	return method == http.MethodHead || h.status < 200 ||
		h.status == http.StatusNoContent || h.status == http.StatusNotModified
}

// cutLine returns the first line without its end, and the rest.
func cutLine(b []byte) (line, rest []byte) {
	n := bytes.IndexByte(b, '\n')
	if n < 0 {
		return b, nil
	}
	line, rest = b[:n], b[n+1:]
	if n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, rest
}

// cutField splits a line at its colon.
func cutField(line []byte) (name, value []byte, err error) {
	n := bytes.IndexByte(line, ':')
	if n < 0 || !isToken(line[:n]) {
		return nil, nil, errors.New("a line of its head has no name")
	}
	value = trim(line[n+1:])
	if !isValue(value) {
		return nil, nil, errors.New("a line of its head has a control character")
	}
	return line[:n], value, nil
}

// trim trims white space around a value. bytes.Trim does the same for any characters,
// at three times the cost.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// unfold joins lines that continue on the next line, which then begins with a space:
// RFC 9112, section 5.2.
func unfold(b []byte) {
	for i := 0; ; {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return
		}
		i += n + 1
		if i < len(b) && (b[i] == ' ' || b[i] == '\t') {
			b[i-1] = ' '
			if i > 1 && b[i-2] == '\r' {
				b[i-2] = ' '
			}
		}
	}
}

// hasElement reports whether a comma-separated list has an element.
func hasElement(list []byte, element string) bool {
	for part := range bytes.SplitSeq(list, []byte(",")) {
		if strings.EqualFold(string(bytes.TrimSpace(part)), element) {
			return true
		}
	}
	return false
}

// parseLength parses a Content-Length: digits only, within an int64.
func parseLength(b []byte) (n int64, ok bool) {
	const digits = 18 // a number of 18 digits always fits
	for _, d := range b {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	return n, len(b) > 0 && len(b) <= digits
}

// fields yields the fields of a parsed head.
func fields(head []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		_, rest := cutLine(head)
		for len(rest) > 0 {
			var line []byte
			if line, rest = cutLine(rest); len(line) == 0 {
				return
			}
			if name, value, err := cutField(line); err == nil && !yield(name, value) {
				return
			}
		}
	}
}

// Header returns the first header field with a name, whatever its case; empty if there
// is none.
func (r *Response) Header(name string) string {
	for n, value := range fields(r.head) {
		if len(n) == len(name) && strings.EqualFold(string(n), name) {
			return string(value)
		}
	}
	return ""
}

// Each calls yield for each header field in order, until it returns false. Use it for
// fields that repeat, such as Set-Cookie.
func (r *Response) Each(yield func(name, value string) bool) {
	for n, value := range fields(r.head) {
		if !yield(string(n), string(value)) {
			return
		}
	}
}
