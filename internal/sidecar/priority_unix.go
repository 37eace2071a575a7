//go:build unix

package sidecar

import (
	"os/exec"
	"syscall"
)

// niceness is how much the child gives way to its parent where both want all
// processors: a thread of the child gets a tenth of the time of one of the parent. The
// monitoring of a ticket office needs less than that.
const niceness = 10

// setApart gives the child a process group of its own, before it is started, so that
// signals of a terminal reach the parent alone.
func setApart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// lower lowers the priority of all threads of a child that was started.
func lower(cmd *exec.Cmd) error {
	return syscall.Setpriority(syscall.PRIO_PGRP, cmd.Process.Pid, niceness)
}
