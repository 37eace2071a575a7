package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"
)

// maxChunkLine limits the line before a chunk, in bytes, like net/http.
const maxChunkLine = 4096

// answer is an answer that is being read. All of it is in the client's buffer: the head
// and the kept part of the body, then unread data, then free space.
//
//	0 ……… kept ……… rd ……… wr ……… len(buffer)
type answer struct {
	kept, rd, wr int
	// limit is where the kept part must end.
	limit int
	// size is the size of the body.
	size int64
	// first and last are when the first and the last byte arrived, on the client's
	// clock; first is 0 before that.
	first, last time.Duration
}

// answer reads the answer to a message. The buffer has its first n bytes.
func (c *Client) answer(m *message) (head, *Error) {
	h, end, err := c.readHead()
	if err != nil {
		return h, err
	}
	a := &c.in
	a.kept, a.rd, a.limit = end, end, end+c.o.MaxBody
	switch {
	case h.bodyless(m.method):
		// 101 changes the protocol, although the client did not request it: what
		// follows is not HTTP.
		h.keep = h.keep && h.status != http.StatusSwitchingProtocols
	case h.chunked:
		err = c.readChunks()
	case h.length == untilClosed:
		h.keep = false
		err = c.readAll()
	default:
		err = c.readBody(h.length)
	}
	if err != nil {
		return h, err
	}
	// Data beyond the answer is unsolicited, and would be taken for the next answer.
	h.keep = h.keep && a.rd == a.wr
	c.resp.Status, c.resp.Size = h.status, a.size
	c.resp.head, c.resp.Body = c.buf.b[:end], c.buf.b[end:a.kept:a.kept]
	return h, nil
}

// readHead reads until it has a complete head, and skips interim ones. It returns the
// end of the head.
func (c *Client) readHead() (head, int, *Error) {
	a := &c.in
	budget := maxHead
	for from := 0; ; {
		b := c.buf.b[:a.wr]
		end := headEnd(b, from)
		if end > budget || end == 0 && a.wr > budget {
			return head{}, 0, malformed(fmt.Errorf("its head has more than %d bytes", maxHead))
		}
		if end == 0 && !isAnswer(b) {
			_, err := parseStatus(b)
			return head{}, 0, malformed(err)
		}
		if end == 0 {
			// The end may begin with the last two bytes.
			from = max(0, a.wr-2)
			if err := c.more(); err != nil {
				return head{}, 0, err
			}
			continue
		}
		h, err := parseHead(b[:end])
		if err != nil {
			return h, 0, malformed(err)
		}
		if h.status >= 200 || h.status == http.StatusSwitchingProtocols {
			return h, end, nil
		}
		a.wr = copy(b, b[end:])
		budget -= end
		from = 0
	}
}

// readBody reads a body or a chunk of a known length.
func (c *Client) readBody(n int64) *Error {
	for {
		m := min(n, int64(c.in.wr-c.in.rd))
		c.keep(int(m))
		if n -= m; n == 0 {
			return nil
		}
		if err := c.more(); err != nil {
			return err
		}
	}
}

// readAll reads a body that ends with the connection.
func (c *Client) readAll() *Error {
	for {
		c.keep(c.in.wr - c.in.rd)
		if err := c.more(); err != nil {
			if errors.Is(err.Err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

// readChunks reads a chunked body and its trailer: RFC 9112, section 7.1.
func (c *Client) readChunks() *Error {
	for {
		line, err := c.readLine(maxChunkLine)
		if err != nil {
			return err
		}
		n, ok := parseChunk(line)
		if !ok {
			return malformed(errors.New("a chunk has no length"))
		}
		if n == 0 {
			return c.readTrailer()
		}
		if err := c.readBody(n); err != nil {
			return err
		}
		if line, err = c.readLine(len("\r\n")); err != nil {
			return err
		}
		if len(line) > 0 {
			return malformed(errors.New("a chunk is longer than its length"))
		}
	}
}

// readTrailer reads and discards the fields after the last chunk.
func (c *Client) readTrailer() *Error {
	for budget := maxHead; ; {
		line, err := c.readLine(budget)
		if err != nil || len(line) == 0 {
			return err
		}
		if _, _, err := cutField(line); err != nil && line[0] != ' ' && line[0] != '\t' {
			return malformed(err)
		}
		budget -= len(line)
	}
}

// readLine reads a line of at most limit bytes that ends with CR LF, and returns it
// without them. It is valid until the next read.
func (c *Client) readLine(limit int) ([]byte, *Error) {
	a := &c.in
	for seen := 0; ; {
		b := c.buf.b[a.rd:a.wr]
		n := bytes.IndexByte(b[seen:], '\n') + seen
		switch found := n >= seen; {
		case !found && len(b) >= limit, found && n >= limit:
			return nil, malformed(errors.New("a line between its chunks is too long"))
		case found && (n == 0 || bytes.IndexByte(b[:n], '\r') != n-1):
			// RFC 9112 does not allow a bare line feed here, because two readers could
			// disagree about it.
			return nil, malformed(errors.New("a line between its chunks does not end with CR LF"))
		case found:
			a.rd += n + 1
			return b[:n-1], nil
		}
		seen = len(b)
		if err := c.more(); err != nil {
			return nil, err
		}
	}
}

// parseChunk parses the length of a chunk, and ignores extensions.
func parseChunk(line []byte) (n int64, ok bool) {
	line, _, _ = bytes.Cut(line, []byte(";"))
	line = bytes.TrimRight(line, " \t")
	for _, d := range line {
		switch {
		case n > math.MaxInt64>>5:
			return 0, false
		case '0' <= d && d <= '9':
			d -= '0'
		case 'a' <= d|0x20 && d|0x20 <= 'f':
			d = (d | 0x20) - 'a' + 10
		default:
			return 0, false
		}
		n = n<<4 | int64(d)
	}
	return n, len(line) > 0
}

// keep appends n read bytes to the body, up to the limit.
func (c *Client) keep(n int) {
	a := &c.in
	if m := min(n, a.limit-a.kept); m > 0 {
		if a.kept != a.rd {
			copy(c.buf.b[a.kept:], c.buf.b[a.rd:a.rd+m])
		}
		a.kept += m
	}
	a.rd += n
	a.size += int64(n)
}

// more reads once, after making room for it.
func (c *Client) more() *Error {
	a := &c.in
	if a.rd == a.wr {
		a.rd, a.wr = a.kept, a.kept
	}
	if len(c.buf.b)-a.wr < len(c.buf.b)/4 {
		c.makeRoom()
	}
	n, err := c.conn.Read(c.buf.b[a.wr:])
	return c.took(n, err)
}

// took records the result of a read.
func (c *Client) took(n int, err error) *Error {
	a := &c.in
	a.last = c.now()
	if n <= 0 {
		return c.broken(err)
	}
	if a.first == 0 {
		a.first = a.last
	}
	a.wr += n
	return nil
}

// makeRoom moves unread data behind the kept part, and takes a larger buffer if that is
// not enough.
func (c *Client) makeRoom() {
	a, old := &c.in, c.buf
	if gap := a.rd - a.kept; gap > 0 {
		copy(old.b[a.kept:], old.b[a.rd:a.wr])
		a.rd -= gap
		a.wr -= gap
	}
	if len(old.b)-a.wr < len(old.b)/4 {
		c.buf = c.target.buffers.get(len(old.b) + 1)
		copy(c.buf.b, old.b[:a.wr])
		c.target.buffers.put(old)
	}
}
