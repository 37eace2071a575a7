package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// errNotInstalled is what a machine without PostgreSQL reads.
var errNotInstalled = errors.New("no PostgreSQL server found in /usr/lib/postgresql or PATH: " +
	"run `make deps` or `apt-get install postgresql`")

// findBinaries returns the directory of the newest PostgreSQL's server programs.
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
	// initdb may be a link into the directory that holds postgres too.
	if initdb, err = filepath.EvalSymlinks(initdb); err != nil {
		return "", errNotInstalled
	}
	return filepath.Dir(initdb), nil
}

// environment is what the server's programs get to see: neither PG* variables
// nor a language other than English.
func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"} //nolint:forbidigo // the programs need it, nothing here does
}
