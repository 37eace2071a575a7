//go:build unix

package sidecar

import (
	"os/exec"
	"syscall"
)

// niceness lowers the child's priority. When both need all processors, a thread of the
// child gets a tenth of the time of a thread of the parent. Monitoring needs less than
// that.
const niceness = 10

// setApart gives the child its own process group, so that only the parent gets signals
// from a terminal. It must be called before the child starts.
func setApart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// lower lowers the priority of all threads of a running child.
func lower(cmd *exec.Cmd) error {
	return syscall.Setpriority(syscall.PRIO_PGRP, cmd.Process.Pid, niceness)
}
