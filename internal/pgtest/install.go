package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// errNotInstalled is returned on a machine without PostgreSQL.
var errNotInstalled = errors.New("no PostgreSQL server found in /usr/lib/postgresql or PATH: " +
	"run `make deps` or `apt-get install postgresql`")

// findBinaries returns the directory with the server programs of the newest PostgreSQL.
func findBinaries() (string, error) {
	newest, dir := 0, ""
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // the pattern is well formed
	for _, initdb := range installed {
		bin := filepath.Dir(initdb)
		if version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin))); err == nil && version > newest {
			newest, dir = version, bin
		}
	}
	if dir != "" {
		return dir, nil
	}
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		return "", errNotInstalled
	}
	// initdb can be a link. Its target is in the same directory as postgres.
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return "", errNotInstalled
	}
	return filepath.Dir(initdb), nil
}

// environment returns the environment of the server's programs: no PG* variables, and
// messages in English.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"} //nolint:forbidigo // only the programs need it
}
