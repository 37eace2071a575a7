package wire

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// The errors of Winsock for a target that cannot be reached.
var (
	refusedErrnos = []syscall.Errno{windows.WSAECONNREFUSED}
	resetErrnos   = []syscall.Errno{windows.WSAECONNRESET, windows.WSAECONNABORTED, windows.WSAENETRESET}
	lateErrnos    = []syscall.Errno{windows.WSAETIMEDOUT}
	// testerErrnos are limits of this machine: open sockets, local ports, memory.
	testerErrnos = []syscall.Errno{
		windows.WSAEMFILE, windows.WSAEADDRNOTAVAIL, windows.WSAEADDRINUSE, windows.WSAENOBUFS,
		windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_TOO_MANY_OPEN_FILES,
	}
	// noPortErrnos mean that no local port is free, when connecting.
	noPortErrnos = []syscall.Errno(nil)
)
