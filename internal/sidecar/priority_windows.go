package sidecar

import (
	"os/exec"
	"syscall"
)

// belowNormal is BELOW_NORMAL_PRIORITY_CLASS of the Windows API.
const belowNormal = 0x4000

// setApart gives the child a process group of its own, so that signals of a console
// reach the parent alone, and a lower priority. It is called before the child starts.
func setApart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP | belowNormal}
}

// lower has nothing left to do.
func lower(*exec.Cmd) error { return nil }
