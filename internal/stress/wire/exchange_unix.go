//go:build unix

package wire

import (
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
	// memory: nothing is read before all is written.
	out, in []byte
	n       int
	err     error
	gone    bool

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
	if cn.visit == nil || len(rest) > 0 {
		return cn.writeThenRead(out, rest, in)
	}
	cn.out, cn.in, cn.n, cn.err = out, in, 0, nil
	err := cn.raw.Read(cn.visit)
	out, cn.out, cn.in = cn.out, nil, nil
	switch {
	case err != nil:
		return 0, err
	case len(out) == 0:
		return cn.n, cn.err
	}
	// The target takes the request slowly, or not at all.
	return cn.writeThenRead(out, nil, in)
}

// writeAndRead writes at its first visit, and reads at those that come when
// there is something. It returns false to wait for that.
func (cn *conn) writeAndRead(fd uintptr) bool {
	if len(cn.out) > 0 {
		n, err := retry(send, int(fd), cn.out)
		if err == nil && n == len(cn.out) {
			cn.out = nil
			return false
		}
		// The rest, or the error, is met with again by net.Conn.
		cn.out = cn.out[max(n, 0):]
		return true
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
	if cn.look == nil {
		return false, false
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
