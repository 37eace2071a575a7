//go:build unix

package wire

import (
	"cmp"
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// exchange writes a request and waits for the start of its answer in one operation on
// the file descriptor. net.Conn would try to read right after the write, when there is
// no answer yet, and waste a system call.
type exchange struct {
	raw syscall.RawConn
	// out is the rest to write, and in is the buffer for the answer. They may share
	// memory, because nothing is read before everything is written. followed is set if
	// the caller writes more after out.
	out, in  []byte
	followed bool
	n        int
	err      error
	gone     bool
	// unasked receives unsolicited data of a kept connection.
	unasked [1]byte

	// visit and look are method values of this connection, made once.
	visit func(fd uintptr) bool
	look  func(fd uintptr)
}

// prepare is called once the connection is established, including TLS.
func (cn *conn) prepare() {
	below, ok := cn.tcp.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := below.SyscallConn()
	if err != nil {
		return
	}
	cn.raw, cn.look = raw, cn.poll
	if cn.version == 0 {
		cn.visit = cn.writeAndRead
	}
}

// roundTrip writes out, and rest if it is not empty, and reads the beginning of the
// answer into in.
func (cn *conn) roundTrip(out, rest, in []byte) (int, error) {
	if cn.visit == nil {
		return cn.writeThenRead(out, rest, in)
	}
	cn.out, cn.in, cn.followed, cn.n, cn.err = out, in, len(rest) > 0, 0, nil
	err := cn.raw.Read(cn.visit)
	out, cn.out, cn.in = cn.out, nil, nil
	err = cmp.Or(err, cn.err)
	switch {
	case err != nil:
		return 0, err
	case len(out) == 0 && len(rest) == 0:
		return cn.n, nil
	}
	// The request is long, or the target reads slowly or not at all.
	return cn.writeThenRead(out, rest, in)
}

// writeAndRead writes at its first call, and reads at later ones, when there is data.
// It returns false to wait for data.
//
// The system reports only once that there is data, and a report from before this round
// trip is lost. So it has to try before it waits: on a kept connection before the
// write, because nothing must have arrived; on a new connection after it.
func (cn *conn) writeAndRead(fd uintptr) bool {
	if len(cn.out) > 0 {
		if cn.idle > 0 && cn.ended(fd) {
			cn.err = errStale
			return true
		}
		n, err := retry(send, int(fd), cn.out)
		if err != nil || n < len(cn.out) {
			// net.Conn will get the same error, or write the rest.
			cn.out = cn.out[max(n, 0):]
			return true
		}
		cn.out = nil
		switch {
		case cn.followed:
			return true
		case cn.idle > 0:
			return false
		}
	}
	n, err := retry(receive, int(fd), cn.in)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return false
	case err != nil:
		cn.err = os.NewSyscallError("read", err)
	case n == 0:
		cn.err = io.EOF
	default:
		cn.n = n
	}
	return true
}

// ended reports whether there is data or the end of the stream. A kept connection must
// not be used then. Reading is the cheapest check.
func (cn *conn) ended(fd uintptr) bool {
	_, err := retry(receive, int(fd), cn.unasked[:])
	return !errors.Is(err, syscall.EAGAIN)
}

// retry retries a system call that a signal interrupted.
func retry(call func(fd int, p []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		n, err := call(fd, p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// closed reports whether the target has closed the connection or sent unsolicited data,
// if that can be known without reading.
func (cn *conn) closed() (closed, known bool) {
	switch {
	case cn.look == nil:
		return false, false
	case cn.visit != nil:
		return false, true // the round trip checks before it sends anything
	}
	cn.gone = false
	return cn.raw.Control(cn.look) != nil || cn.gone, true
}

// poll checks without waiting whether there is data or the end of the stream.
func (cn *conn) poll(fd uintptr) {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // a descriptor is a small number
	n, err := unix.Poll(fds[:], 0)
	cn.gone = err == nil && n > 0
}
