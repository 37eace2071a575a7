//go:build unix

package wire

import "syscall"

// The errors of the system for a target that cannot be reached.
var (
	refusedErrnos = []syscall.Errno{syscall.ECONNREFUSED}
	resetErrnos   = []syscall.Errno{syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE}
	lateErrnos    = []syscall.Errno{syscall.ETIMEDOUT}
	// testerErrnos are limits of this machine: open files, local ports, memory.
	testerErrnos = []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.ENOBUFS, syscall.ENOMEM,
	}
	// noPortErrnos mean that no local port is free, when connecting: connect(2).
	noPortErrnos = []syscall.Errno{syscall.EAGAIN}
)
