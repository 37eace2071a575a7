package stress

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// kernelTimer is a timer of the kernel. Reading from it waits in the runtime's poller,
// which it wakes within some 50 µs.
type kernelTimer struct{ file *os.File }

// sleep sleeps, and reports whether the kernel supports it.
func (t *kernelTimer) sleep(d time.Duration) bool {
	if t.file == nil {
		fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
		if err != nil {
			return false
		}
		t.file = os.NewFile(uintptr(fd), "timer")
	}
	conn, err := t.file.SyscallConn()
	if err != nil {
		return false
	}
	set := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = unix.TimerfdSettime(int(fd), 0, &set, nil) }); err != nil || failed != nil {
		return false
	}
	var times [8]byte
	_, err = t.file.Read(times[:])
	return err == nil
}

func (t *kernelTimer) close() {
	if t.file != nil {
		_ = t.file.Close()
	}
}
