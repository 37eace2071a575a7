package sidecar

import (
	"os/exec"
	"syscall"
)

// belowNormal is BELOW_NORMAL_PRIORITY_CLASS of the Windows API.
const belowNormal = 0x4000

// setApart gives the child a lower priority, and its own process group, so that only the
// parent gets signals from a console. It must be called before the child starts.
func setApart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | belowNormal}
}

// lower does nothing: setApart has lowered the priority.
func lower(*exec.Cmd) error { return nil }
