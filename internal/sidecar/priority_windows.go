package sidecar

import (
	"os/exec"
	"syscall"
)

// belowNormal is BELOW_NORMAL_PRIORITY_CLASS of the Windows API.
const belowNormal = 0x4000

// setApart gives the child a process group of its own and a lower priority, before
// it is started. The signals of a console are then its parent's matter alone.
func setApart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | belowNormal}
}

// lower has nothing left to do.
func lower(*exec.Cmd) error { return nil }
