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

// exchange writes a request and waits for the beginning of its answer in one
// visit to the file descriptor. net.Conn would try to read right after the
// write, when nothing can be there yet, for nothing but a wasted system call.
type exchange struct {
	raw syscall.RawConn
	// out is what is left to be written, in where the answer goes. They may be the same
	// memory: nothing is read into in before all is written. followed says that
	// something is to be written after out by other means.
	out, in  []byte
	followed bool
	n        int
	err      error
	gone     bool
	// unasked is where a kept connection puts what nobody asked for.
	unasked [1]byte

	// visit and look are methods of this connection, made once.
	visit func(fd uintptr) bool
	look  func(fd uintptr)
}

// prepare is called once the connection is made, TLS included.
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
	// The request is long, or the target takes it slowly, or not at all.
	return cn.writeThenRead(out, rest, in)
}

// writeAndRead writes at its first visit, and reads at those that come when
// there is something. It returns false to wait for that.
//
// The system says only once that there is something to read, and what it said before this
// round trip is forgotten. So one has to try before one waits: before writing on a kept
// connection, where nothing must have come, and after it on a new one.
func (cn *conn) writeAndRead(fd uintptr) bool {
	if len(cn.out) > 0 {
		if cn.idle > 0 && cn.ended(fd) {
			cn.err = errStale
			return true
		}
		n, err := retry(send, int(fd), cn.out)
		if err != nil || n < len(cn.out) {
			// The rest, or the error, is met with again by net.Conn.
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

// ended reports whether there is anything to read, or nothing more to come: a kept connection is
// not to be used then. Reading is the cheapest way to ask.
func (cn *conn) ended(fd uintptr) bool {
	_, err := retry(receive, int(fd), cn.unasked[:])
	return !errors.Is(err, syscall.EAGAIN)
}

// retry repeats a system call that a signal interrupted.
func retry(call func(fd int, p []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		n, err := call(fd, p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}

// closed reports whether the target has closed the connection, or has said
// something that nobody asked for, if that can be known without reading.
func (cn *conn) closed() (closed, known bool) {
	switch {
	case cn.look == nil:
		return false, false
	case cn.visit != nil:
		return false, true // its round trip finds out before it sends anything
	}
	cn.gone = false
	return cn.raw.Control(cn.look) != nil || cn.gone, true
}

// poll asks without waiting whether there is anything to read, the end included.
func (cn *conn) poll(fd uintptr) {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} //nolint:gosec // a descriptor is a small number
	n, err := unix.Poll(fds[:], 0)
	cn.gone = err == nil && n > 0
}
