//go:build unix

package sidecar

import (
	"os/exec"
	"syscall"
)

// niceness is how much the child gives way to its parent where both want all
// processors: a thread of the child gets a third of the time of one of the parent.
const niceness = 5

// setApart gives the child a process group of its own, before it is started, so that
// signals of a terminal reach the parent alone.
func setApart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// lower lowers the priority of all threads of a child that was started.
func lower(cmd *exec.Cmd) error {
	return syscall.Setpriority(syscall.PRIO_PGRP, cmd.Process.Pid, niceness)
}
