package stress

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// alarm is a timer of the kernel. Reading from it waits in the runtime's poller,
// which it wakes within some 50 µs.
type alarm struct{ file *os.File }

// sleep waits, and reports whether it could.
func (a *alarm) sleep(d time.Duration) bool {
	if a.file == nil {
		fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
		if err != nil {
			return false
		}
		a.file = os.NewFile(uintptr(fd), "timer")
	}
	conn, err := a.file.SyscallConn()
	if err != nil {
		return false
	}
	set := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = unix.TimerfdSettime(int(fd), 0, &set, nil) }); err != nil || failed != nil {
		return false
	}
	var times [8]byte
	_, err = a.file.Read(times[:])
	return err == nil
}

func (a *alarm) close() {
	if a.file != nil {
		_ = a.file.Close()
	}
}
