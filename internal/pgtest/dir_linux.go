package pgtest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// dirPattern names the clusters' directories, so that those of killed tests
// can be found again.
const dirPattern = "onsale-pgtest-*"

// owner is the user that the server runs as; nil is the one that runs the tests.
type owner *syscall.Credential

// findOwner returns whom to run the server as: PostgreSQL refuses to be root.
func findOwner() (owner, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
		if err := errors.Join(uidErr, gidErr); err != nil {
			return nil, fmt.Errorf("read account %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

// runAs makes the command run as the owner.
func runAs(who owner, cmd *exec.Cmd) {
	if who == nil {
		return
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = new(syscall.SysProcAttr)
	}
	cmd.SysProcAttr.Credential = who
}

// makeDir makes a cluster's directory, which belongs to the owner, and holds a
// lock in it for as long as this process lives. It first clears away the
// directories of tests that were killed.
func makeDir(who owner) (dir string, lock io.Closer, err error) {
	sweep()
	dir, err = os.MkdirTemp("", dirPattern)
	if err != nil {
		return "", nil, fmt.Errorf("make directory: %w", err)
	}
	lock, err = lockDir(dir)
	if err == nil && who != nil {
		err = os.Chown(dir, int(who.Uid), int(who.Gid))
	}
	if err != nil {
		return "", nil, errors.Join(fmt.Errorf("prepare directory: %w", err), os.RemoveAll(dir))
	}
	return dir, lock, nil
}

// lockDir locks the directory. The lock appears under its name only once it is held.
func lockDir(dir string) (io.Closer, error) {
	f, err := os.Create(filepath.Join(dir, "lock.new"))
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, "lock"))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the directories whose process is gone. What cannot be removed stays.
func sweep() {
	locks, _ := filepath.Glob(filepath.Join(os.TempDir(), dirPattern, "lock")) // the pattern is well formed
	for _, name := range locks {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(name))
		}
		_ = f.Close()
	}
}
