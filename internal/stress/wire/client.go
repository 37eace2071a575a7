package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// Client makes the requests of one user, one at a time.
type Client struct {
	target *Target
	o      Options
	// agent is the User-Agent field, line break included, unless invalid says why it cannot be sent.
	agent   string
	invalid error
	// epoch is when the client's clock began: reading how long ago that is costs half of time.Now.
	epoch time.Time

	conn     *conn
	deadline deadline
	// buf holds a request until it is written, and then its answer; nil once released.
	buf  *buffer
	in   answer
	resp Response
	// minor and version are what was last spoken: HTTP/1.minor over that version of TLS.
	spoken  bool
	minor   byte
	version uint16
}

var _ Doer = (*Client)(nil)

// New returns a client that is not connected yet.
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

// now is the client's clock.
func (c *Client) now() time.Duration { return time.Since(c.epoch) }

// Do implements [Doer].
//
// A context that ends closes the connection, and is [Canceled], whether
// it was canceled or reached a deadline of its own. What comes of a connection that
// was kept and that the target has closed meanwhile is sent once more on a new
// one, but only if that does no harm: a GET, HEAD, OPTIONS, TRACE, PUT or
// DELETE, or a request with an Idempotency-Key; any other only if it is known that nothing of
// it was sent yet.
//
// A target that sends something unasked is not used further on that connection. What comes at
// the very moment when the next request is sent cannot be told from an answer to it; over TLS, neither
// can what comes within a millisecond of the last answer, or a second on systems without poll.
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

// ask sends a message and reads its answer, over the connection that is kept or a new one.
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

// again reports whether a message may be sent once more that a kept connection failed to carry.
func (m *message) again(err *Error) bool {
	return errors.Is(err.Err, errStale) || m.repeatable && (err.Kind == Closed || err.Kind == Reset)
}

// encode writes a message into the buffer. It returns what is to be sent, and a
// body that is too long to be copied.
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

// Close implements [Doer]. The client may be used again, on a new connection.
func (c *Client) Close() {
	c.drop()
	c.deadline.letGo()
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
