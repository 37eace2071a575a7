package wire_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress/wire"
)

// short is a timeout for targets that never finish.
const short = time.Second

// after answers a request, and leaves the connection open.
func after(answer string) func(*server, *peer) {
	return func(_ *server, p *peer) {
		p.request()
		p.say(answer)
		p.wait()
	}
}

// closing answers a request, and closes the connection.
func closing(answer string) func(*server, *peer) {
	return func(_ *server, p *peer) {
		p.request()
		p.say(answer)
	}
}

// endless answers a request with a beginning, and continues without an end.
func endless(beginning, more string) func(*server, *peer) {
	return func(_ *server, p *peer) {
		p.request()
		p.say(beginning)
		more := strings.Repeat(more, 100)
		for said := true; said; {
			said = p.say(more)
		}
	}
}

// Each failure of a target has its own kind of error.
func TestNastyTargets(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		do      func(*server, *peer)
		want    wire.Kind
		timeout time.Duration
	}{
		"closes after request":  {closing(""), wire.Closed, 0},
		"half a status":         {closing("HTTP/1.1 20"), wire.Closed, 0},
		"half a head":           {closing("HTTP/1.1 200 OK\r\nContent-Len"), wire.Closed, 0},
		"half a body":           {closing("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), wire.Closed, 0},
		"half a chunk":          {closing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhalf"), wire.Closed, 0},
		"no last chunk":         {closing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"), wire.Closed, 0},
		"half a trailer":        {closing("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n"), wire.Closed, 0},
		"interim answer only":   {closing("HTTP/1.1 100 Continue\r\n\r\n"), wire.Closed, 0},
		"resets":                {func(_ *server, p *peer) { p.request(); p.reset() }, wire.Reset, 0},
		"resets in the body":    {resetInBody, wire.Reset, 0},
		"another protocol":      {after("SSH-2.0-OpenSSH_9.6\r\n"), wire.Malformed, 0},
		"TLS":                   {after("\x15\x03\x01\x00\x02\x02\x16"), wire.Malformed, 0},
		"HTTP/2":                {after("HTTP/2 200\r\n\r\n"), wire.Malformed, 0},
		"HTTP/0.9":              {closing("<html>hello</html>"), wire.Malformed, 0},
		"no status":             {after("HTTP/1.1 \r\n\r\n"), wire.Malformed, 0},
		"status of 2 digits":    {after("HTTP/1.1 20\r\n\r\n"), wire.Malformed, 0},
		"status of 4 digits":    {after("HTTP/1.1 2000 OK\r\n\r\n"), wire.Malformed, 0},
		"status of letters":     {after("HTTP/1.1 2xx OK\r\n\r\n"), wire.Malformed, 0},
		"status below 100":      {after("HTTP/1.1 099 OK\r\n\r\n"), wire.Malformed, 0},
		"line without a name":   {after("HTTP/1.1 200 OK\r\nhello\r\n\r\n"), wire.Malformed, 0},
		"space before colon":    {after("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok"), wire.Malformed, 0},
		"empty name":            {after("HTTP/1.1 200 OK\r\n: 2\r\n\r\n"), wire.Malformed, 0},
		"NUL":                   {after("HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n"), wire.Malformed, 0},
		"folded first line":     {after("HTTP/1.1 200 OK\r\n A: b\r\n\r\n"), wire.Malformed, 0},
		"negative length":       {after("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), wire.Malformed, 0},
		"signed length":         {after("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n!"), wire.Malformed, 0},
		"no length":             {after("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n"), wire.Malformed, 0},
		"length beyond 63 bits": {after("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n"), wire.Malformed, 0},
		"two lengths":           {after("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"), wire.Malformed, 0},
		"list of lengths":       {after("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok"), wire.Malformed, 0},
		"unknown coding":        {after("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), wire.Malformed, 0},
		"coded twice":           {after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), wire.Malformed, 0},
		"chunks in HTTP/1.0":    {after("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), wire.Malformed, 0},
		"chunk of no length":    {after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n"), wire.Malformed, 0},
		"chunk of letters":      {after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"), wire.Malformed, 0},
		"negative chunk":        {after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"), wire.Malformed, 0},
		"chunk beyond 63 bits":  {after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"), wire.Malformed, 0},
		"chunk without CR":      {after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n"), wire.Malformed, 0},
		"bare line feed":        {after("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n\n"), wire.Malformed, 0},
		"chunk longer than its length": {
			after("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n"), wire.Malformed, 0,
		},
		"endless chunk line": {endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;", "x"), wire.Malformed, 0},
		"endless trailer":    {endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n"), wire.Malformed, 0},
		"endless head":       {endless("HTTP/1.1 200 OK\r\n", "A: b\r\n"), wire.Malformed, 0},
		"endless line":       {endless("HTTP/1.1 200 OK\r\nA: ", "b"), wire.Malformed, 0},
		"endless waiting":    {endless("", "HTTP/1.1 102 Processing\r\n\r\n"), wire.Malformed, 0},
		"endless body":       {endless("HTTP/1.1 200 OK\r\n\r\n", "body"), wire.Timeout, short},
		"endless chunks":     {endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "4\r\nbody\r\n"), wire.Timeout, short},
		"never answers":      {after(""), wire.Timeout, short},
		"stops in the head":  {after("HTTP/1.1 200"), wire.Timeout, short},
		"stops in the body":  {after("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), wire.Timeout, short},
		"drips":              {drip, wire.Timeout, short},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, test.do)
			c := client(t, s.target, wire.Options{Timeout: test.timeout})
			text := failed(t, c, post("/", ""), test.want).text
			if strings.Contains(text, s.target.String()[len("http://"):]) {
				t.Errorf("%q has an address, which makes two failures of one kind differ", text)
			}
			s.came(t, 1)
		})
	}
}

// resetInBody resets the connection once the client has read the beginning and waits
// for more.
func resetInBody(_ *server, p *peer) {
	p.request()
	p.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
	time.Sleep(10 * time.Millisecond) // a reset overtakes unread data
	p.reset()
}

// drip sends an answer one byte at a time, more slowly than a client waits.
func drip(_ *server, p *peer) {
	p.request()
	for _, b := range []byte("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat(" ", 1000)) {
		if _, err := p.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond) // slowness is what the test is about
	}
}

// If a target closes before it has read the request, its system reports that in one of
// two ways.
func TestClosesAtOnce(t *testing.T) {
	t.Parallel()
	s := listen(t, func(*server, *peer) {})
	_, err := client(t, s.target, wire.Options{}).Do(t.Context(), post("/", ""))
	if kind := wire.KindOf(err); kind != wire.Closed && kind != wire.Reset {
		t.Errorf("kind %s (%v), want %s or %s", kind, err, wire.Closed, wire.Reset)
	}
}

// Failed connections have kinds of their own.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	silent := listen(t, func(_ *server, p *peer) { p.wait() })
	plain := answering(t, ok)
	// Nothing listens on our own end of a connection, and nothing can as long as it
	// exists.
	ours, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", silent.target.String()[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ours.Close() })
	for name, test := range map[string]struct {
		target  string
		want    wire.Kind
		timeout time.Duration
	}{
		"nothing listens":     {ours.LocalAddr().String(), wire.Refused, 0},
		"no such name":        {"http://no..such..host", wire.Resolve, 0},
		"no route":            {"http://255.255.255.255:9", wire.Unreachable, 0},
		"no handshake":        {"https" + silent.target.String()[len("http"):], wire.ConnectTimeout, short},
		"no TLS on this port": {"https" + plain.target.String()[len("http"):], wire.Handshake, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, parse(t, test.target), wire.Options{Timeout: test.timeout})
			t.Log(failed(t, c, get("/"), test.want).text)
			if c.Protocol() != "" {
				t.Errorf("protocol %q before the first answer", c.Protocol())
			}
		})
	}
}

// A server that rejects a long body early gets its answer through, although it does not
// read the rest of the body.
func TestAnswerBeforeTheWholeRequest(t *testing.T) {
	t.Parallel()
	s := listen(t, func(_ *server, p *peer) {
		if _, err := p.r.ReadString('\n'); err != nil {
			return
		}
		p.say("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		_ = p.CloseWrite()
		_, _ = io.CopyN(io.Discard, p.r, 10<<20)
	})
	c := client(t, s.target, wire.Options{})
	answered(t, c, post("/", strings.Repeat("x", 1<<20)), 413, "")
}
