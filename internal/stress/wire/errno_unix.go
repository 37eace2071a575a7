//go:build unix

package wire

import "syscall"

// What the system says when it cannot reach the target.
var (
	refusedErrnos = []syscall.Errno{syscall.ECONNREFUSED}
	resetErrnos   = []syscall.Errno{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE}
	lateErrnos    = []syscall.Errno{syscall.ETIMEDOUT}
	// testerErrnos are limits of this machine: open files, local ports, memory.
	testerErrnos = []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.ENOBUFS, syscall.ENOMEM,
	}
	// noPortErrnos mean, when connecting, that no local port is left: connect(2).
	noPortErrnos = []syscall.Errno{syscall.EAGAIN}
)
