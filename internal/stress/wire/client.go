package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// Client sends the requests of one user, one at a time.
type Client struct {
	target *Target
	o      Options
	// agent is the User-Agent field, including its line break, unless invalid is the
	// reason why it cannot be sent.
	agent   string
	invalid error
	// epoch is the start of the client's clock. Reading the time since then costs half
	// of time.Now.
	epoch time.Time

	conn     *conn
	deadline deadline
	// buf has a request until it is written, and then its answer; nil after Release.
	buf  *buffer
	in   answer
	resp Response
	// minor and version are the last protocol: HTTP/1.minor over this version of TLS.
	spoken  bool
	minor   byte
	version uint16
}

var _ Doer = (*Client)(nil)

// New returns a client. It connects at the first request.
func New(t *Target, o Options) *Client {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBody <= 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.UserAgent == "" {
		o.UserAgent = "onsale-stress"
	}
	c := &Client{target: t, o: o, agent: "User-Agent: " + o.UserAgent + "\r\n", epoch: time.Now()}
	if !isValue(o.UserAgent) {
		c.invalid = errors.New("the user agent has a line break or another control character")
	}
	return c
}

// now returns the time on the client's clock.
func (c *Client) now() time.Duration { return time.Since(c.epoch) }

// Do implements [Doer].
//
// If the context ends, Do closes the connection and returns [Canceled], whether the
// context was canceled or reached its own deadline. If the target has closed a kept
// connection, Do sends the request once more on a new one, but only if that is safe: a
// GET, HEAD, OPTIONS, TRACE, PUT or DELETE, or a request with an Idempotency-Key. It
// sends another request again only if nothing of it has been sent yet.
//
// If the target sends unsolicited data, the connection is not used any more. Data that
// arrives just when the next request is sent cannot be distinguished from an answer to
// it. Over TLS, this is also true of data within a millisecond of the last answer; on
// systems without poll, within a second.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, error) {
	if !c.deadline.follow(ctx) {
		return nil, &Error{Kind: Canceled, Err: context.Cause(ctx)}
	}
	m, invalid := c.check(r)
	if invalid != nil {
		return nil, &Error{Kind: Invalid, Err: invalid}
	}
	c.look()
	c.resp = Response{}
	start := c.now()
	for {
		h, err := c.ask(ctx, &m, start)
		if err != nil {
			c.breakOff()
			err.Took = c.now() - start
			return nil, err
		}
		again, err := c.redirect(&m, &h)
		if err != nil {
			err.Took = c.now() - start
			return nil, err
		}
		if !again {
			c.resp.Took, c.resp.FirstByte = c.in.last-start, c.in.first-start
			return &c.resp, nil
		}
	}
}

// ask sends a message and reads its answer, on the kept connection or a new one.
func (c *Client) ask(ctx context.Context, m *message, start time.Duration) (head, *Error) {
	until := start + c.o.Timeout
	kept := c.conn != nil
	h, err := c.try(ctx, m, until)
	if err != nil && kept && c.in.first == 0 && m.again(err) {
		c.breakOff()
		h, err = c.try(ctx, m, until)
	}
	if err != nil {
		return h, err
	}
	c.spoken, c.minor, c.version = true, h.minor, c.conn.version
	c.conn.idle = c.in.last
	if !h.keep || m.last {
		c.drop()
	}
	return h, nil
}

// try sends a message once, and reads its answer.
func (c *Client) try(ctx context.Context, m *message, until time.Duration) (head, *Error) {
	c.in = answer{}
	if c.conn == nil {
		if err := c.connect(ctx, until); err != nil {
			return head{}, err
		}
	}
	if err := c.deadline.extend(c.epoch, until, c.o.Timeout); err != nil {
		return head{}, c.broken(err)
	}
	out, rest := c.encode(m)
	n, failed := c.conn.roundTrip(out, rest, c.buf.b)
	if err := c.took(n, failed); err != nil {
		return head{}, err
	}
	return c.answer(m)
}

// again reports whether a message that failed on a kept connection can be sent once
// more.
func (m *message) again(err *Error) bool {
	return errors.Is(err.Err, errStale) || m.repeatable && (err.Kind == Closed || err.Kind == Reset)
}

// encode writes a message into the buffer. It returns the bytes to send, and a body
// that is too long to be copied.
func (c *Client) encode(m *message) (out, rest []byte) {
	size := m.size
	if len(m.body) <= alongside {
		size += len(m.body)
	}
	if c.buf != nil && len(c.buf.b) < size {
		c.target.buffers.put(c.buf)
		c.buf = nil
	}
	if c.buf == nil {
		c.buf = c.target.buffers.get(size)
	}
	out = c.head(c.buf.b[:0], m)
	if len(m.body) > alongside {
		return out, m.body
	}
	return append(out, m.body...), nil
}

// Release implements [Doer].
func (c *Client) Release() {
	if c.buf != nil {
		c.target.buffers.put(c.buf)
		c.buf = nil
	}
	c.resp = Response{}
}

// Close implements [Doer]. The client can be used again, on a new connection.
func (c *Client) Close() {
	c.drop()
	c.deadline.release()
	c.Release()
}

// Protocol implements [Doer].
func (c *Client) Protocol() string {
	if !c.spoken {
		return ""
	}
	p := fmt.Sprintf("HTTP/1.%d", c.minor)
	if c.version != 0 {
		p += " over " + tls.VersionName(c.version)
	}
	return p
}
