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

// dirPattern is the pattern of clusters' directories. sweep uses it to find those that
// killed tests left.
const dirPattern = "onsale-pgtest-*"

// owner is the user that the server runs as; nil is the user that runs the tests.
type owner *syscall.Credential

// findOwner returns the user to run the server as, because PostgreSQL does not run as
// root.
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
	return nil, errors.New("PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody")
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

// makeDir creates a cluster's directory for the owner, and holds a lock in it until this
// process ends. First it removes the directories of killed tests.
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

// lockDir locks the directory. The lock file gets its name only after it is locked.
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

// sweep removes the directories whose process has ended. It ignores errors.
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
