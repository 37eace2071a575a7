package pgtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stopLimit bounds the wait for the last process to end.
const stopLimit = 30 * time.Second

// process is a running server: the postmaster and its children.
type process struct {
	pid    int
	gone   chan struct{} // closed when the postmaster has ended
	frozen *thaw         // nil unless the server is frozen
}

// startProcess starts the postmaster. The kernel sends it SIGQUIT, which shuts it down
// at once, when the thread that started it ends. So the goroutine that waits for the
// postmaster keeps its thread until this process ends.
func startProcess(who owner, dir, postgres string, args []string) (*process, error) {
	log, err := os.OpenFile(filepath.Join(dir, logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()     // the postmaster has its own descriptor
	cmd := exec.Command(postgres, args...) //nolint:gosec,noctx // found by findBinaries; it outlives any context
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, environment(), log, log
	// In its own group it does not get an interrupt from the keyboard, which the tests
	// handle.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT, Setpgid: true}
	runAs(who, cmd)

	gone, started := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(gone)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // the log has the reason of its end
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return &process{pid: cmd.Process.Pid, gone: gone}, nil
}

// stop shuts the server down and waits for the end of all its processes.
func (p *process) stop(mode Mode) error {
	family := append(children(p.pid), p.pid)
	signal := syscall.SIGINT
	if mode == Immediate {
		signal = syscall.SIGQUIT
	}
	if err := p.signal(p.pid, signal); err != nil {
		return err
	}
	if p.paused() {
		if err := p.resume(); err != nil {
			return err
		}
	}
	return p.awaitEnd(family)
}

// kill kills the postmaster and its children with SIGKILL. It freezes them first, so
// that they cannot start more children meanwhile.
func (p *process) kill() error {
	family, err := p.freeze()
	if err != nil {
		return err
	}
	for _, pid := range family {
		if err := p.signal(pid, syscall.SIGKILL); err != nil {
			return err
		}
	}
	if err := p.awaitEnd(family); err != nil {
		return err
	}
	return p.frozen.end()
}

// pause freezes the server until resume is called or this process ends.
func (p *process) pause() error {
	if p.paused() {
		return nil
	}
	family, err := p.freeze()
	if err != nil {
		return err
	}
	p.frozen, err = newThaw(family)
	return err
}

// resume thaws a frozen server.
func (p *process) resume() error {
	frozen := p.frozen
	p.frozen = nil
	return frozen.end()
}

func (p *process) paused() bool { return p.frozen != nil }

// freeze stops the postmaster, then all its children, and returns them all.
func (p *process) freeze() ([]int, error) {
	family := []int{p.pid}
	if err := p.signal(p.pid, syscall.SIGSTOP); err != nil {
		return nil, err
	}
	// The postmaster can have started a child just before it stopped. Repeat until no new
	// child is found.
	for known := 0; known < len(family); {
		known = len(family)
		family = append(children(p.pid), p.pid)
		for _, pid := range family {
			if err := p.signal(pid, syscall.SIGSTOP); err != nil {
				return nil, err
			}
		}
	}
	return family, nil
}

// signal sends a signal. It returns nil if the process has already ended.
func (p *process) signal(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("send %v to %d: %w", signal, pid, err)
	}
	return nil
}

// awaitEnd waits until the postmaster and the processes have ended.
func (p *process) awaitEnd(family []int) error {
	deadline := time.After(stopLimit)
	select {
	case <-p.gone:
	case <-deadline:
		return fmt.Errorf("postgres did not stop within %s", stopLimit)
	}
	for _, pid := range family {
		for alive(pid) {
			select {
			case <-deadline:
				return fmt.Errorf("process %d of postgres did not end within %s", pid, stopLimit)
			case <-time.After(time.Millisecond):
			}
		}
	}
	return nil
}

// thaw wakes frozen processes, at the latest when this process ends. It is a shell that
// waits for the end of its input and then sends SIGCONT.
type thaw struct {
	shell *exec.Cmd
	input io.Closer
}

// newThaw starts the shell.
func newThaw(family []int) (*thaw, error) {
	args := []string{"-c", `read -r _; kill -CONT "$@" 2>/dev/null; exit 0`, "thaw"}
	for _, pid := range family {
		args = append(args, strconv.Itoa(pid))
	}
	shell := exec.Command("sh", args...) //nolint:noctx // it ends with its input
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := shell.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := shell.Start(); err != nil {
		return nil, fmt.Errorf("start shell: %w", err)
	}
	return &thaw{shell, input}, nil
}

// end wakes the processes, and returns when they have been signalled.
func (t *thaw) end() error {
	if t == nil {
		return nil
	}
	return errors.Join(t.input.Close(), t.shell.Wait())
}

// children returns the child processes of pid.
func children(pid int) []int {
	var found []int
	entries, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, entry := range entries {
		child, err := strconv.Atoi(filepath.Base(entry))
		if err != nil {
			continue
		}
		if _, parent := stat(child); parent == pid {
			found = append(found, child)
		}
	}
	return found
}

// alive reports whether the process exists and is not a zombie.
func alive(pid int) bool {
	state, _ := stat(pid)
	return state != "" && state != "Z" && state != "X"
}

// stat returns a process's state and parent from /proc; see proc_pid_stat(5).
func stat(pid int) (state string, parent int) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return "", 0
	}
	// The name in parentheses can itself contain blanks and parentheses.
	fields := strings.Fields(string(line[bytes.LastIndexByte(line, ')')+1:]))
	if len(fields) < 2 {
		return "", 0
	}
	parent, err = strconv.Atoi(fields[1])
	if err != nil {
		return "", 0
	}
	return fields[0], parent
}

// forgetSharedMemory removes the System V shared memory segment of a killed server,
// which is named in its lock file. A system allows only a few segments.
func forgetSharedMemory(lockFile string) {
	const segmentLine = 6 // "key id", counted from 0
	text, err := os.ReadFile(lockFile)
	if err != nil {
		return // the server was not killed
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) <= segmentLine {
		return
	}
	if fields := strings.Fields(lines[segmentLine]); len(fields) == 2 {
		if id, err := strconv.Atoi(fields[1]); err == nil {
			_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) // it can be removed already
		}
	}
}
