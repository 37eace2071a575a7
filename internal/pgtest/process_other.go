//go:build !linux

package pgtest

import (
	"errors"
	"io"
	"os/exec"
)

// errNotHere is returned on other systems.
var errNotHere = errors.New("PostgreSQL tests need Linux, which ends the server with the test process: " +
	"run them there or in a container")

// On other systems findOwner fails before anything is started. The rest of this file
// only makes the package compile.
type (
	owner   struct{}
	process struct{ gone chan struct{} }
)

func findOwner() (owner, error)                                      { return owner{}, errNotHere }
func runAs(owner, *exec.Cmd)                                         {}
func makeDir(owner) (string, io.Closer, error)                       { return "", nil, errNotHere }
func startProcess(owner, string, string, []string) (*process, error) { return nil, errNotHere }
func forgetSharedMemory(string)                                      {}
func (*process) stop(Mode) error                                     { return errNotHere }
func (*process) kill() error                                         { return errNotHere }
func (*process) pause() error                                        { return errNotHere }
func (*process) resume() error                                       { return errNotHere }
func (*process) paused() bool                                        { return false }
