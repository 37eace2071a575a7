package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// markedBlock returns the block of a page that follows the line <!-- test: NAME -->.
func markedBlock(t *testing.T, page, name string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("<!-- test: " + regexp.QuoteMeta(name) + " -->\n```sh\n((?s).*?)```\n").FindSubmatch(text)
	if found == nil {
		t.Fatalf("%s has no block of commands after <!-- test: %s -->", page, name)
	}
	return string(found[1])
}

// operator runs the commands of docs/vm.md unchanged, except that test directories replace
// those of the system, and scripts replace the commands that need root and systemd.
type operator struct {
	t      *testing.T
	dir    string
	server *process
	env    []string
	paths  *strings.Replacer
}

func newOperator(t *testing.T, server *process, dataDir string, env ...string) *operator {
	t.Helper()
	for _, tool := range []string{"bash", "sqlite3", "pg_dump", "pg_restore", "psql"} {
		onPath(t, tool)
	}
	o := &operator{t: t, dir: t.TempDir(), server: server, env: env}
	o.paths = strings.NewReplacer("/var/lib/onsale", dataDir, "/var/backups/onsale", filepath.Join(o.dir, "backups"))
	program(t, filepath.Join(o.dir, "bin", "sudo"), `exec "$@"`)
	program(t, filepath.Join(o.dir, "bin", "systemctl"), `
		case "$*" in
		"stop onsale") kill -TERM "$ONSALE_PID"; while kill -0 "$ONSALE_PID" 2>/dev/null; do sleep 0.05; done ;;
		"start onsale") ;;
		*) echo "systemctl $*: not in this test" >&2; exit 1 ;;
		esac`)
	return o
}

// program writes a shell script that can be run.
func program(t *testing.T, path, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// run runs a marked block, without the lines that contain one of the words. It keeps the
// shell variable BACKUP for the next block.
func (o *operator) run(name string, without ...string) string {
	o.t.Helper()
	var script strings.Builder
	script.WriteString("set -euo pipefail\n[ ! -e backup.sh ] || . ./backup.sh\n")
lines:
	for line := range strings.Lines(markedBlock(o.t, "../../docs/vm.md", name)) {
		for _, word := range without {
			if strings.Contains(line, word) {
				continue lines
			}
		}
		script.WriteString(o.paths.Replace(line))
	}
	script.WriteString("declare -p BACKUP >backup.sh\n")
	ctx, cancel := context.WithTimeout(o.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script.String())
	cmd.Dir = o.dir
	cmd.Env = append([]string{
		"PATH=" + filepath.Join(o.dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + o.dir, "LC_ALL=C",
		fmt.Sprintf("ONSALE_PID=%d", o.server.cmd.Process.Pid),
	}, o.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		o.t.Fatalf("%s: %v\n%s\nof\n%s", name, err, out, script.String())
	}
	return string(out)
}

// connection returns the variables of libpq for the role and the database of a URL.
func connection(t *testing.T, databaseURL string) []string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return []string{
		"PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(), "PGUSER=" + u.User.Username(), "PGPASSWORD=" + password,
		"PGDATABASE=" + strings.TrimPrefix(u.Path, "/"),
	}
}

// TestBackupWhileSelling follows docs/vm.md: it backs up while buyers buy, restores, and
// compares the restored purchases with the receipts of the buyers.
func TestBackupWhileSelling(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "data")
		flag := "--data-dir=" + dir
		s := sellForBackup(t, nil, flag)
		o := newOperator(t, s.server, dir)
		s.backUp(func() {
			plain := filepath.Join(o.dir, "plain.db")
			mustRun(t, "cp", filepath.Join(dir, "onsale.db"), plain)
			if out := o.run("back up sqlite"); strings.TrimSpace(out) != "ok" {
				t.Errorf("the backup's integrity: %s", out)
			}
			// The negative control: a plain copy of the file lacks purchases.
			count := fmt.Sprintf("SELECT count(*) < %d FROM purchases", len(s.before))
			if out, ok := runTool(t, "", "sqlite3", plain, count); ok && strings.TrimSpace(out) != "1" {
				t.Errorf("a plain copy of the file has all purchases: %s", out)
			}
		})
		o.run("restore sqlite")
		s.check(serve(t, nil, "--faults", "off", flag))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := server.Database(t)
		s := sellForBackup(t, database(url), dataDir(t))
		o := newOperator(t, s.server, t.TempDir(), connection(t, url)...)
		s.backUp(func() { o.run("back up postgres") })
		o.run("restore postgres")
		s.check(serve(t, database(url), "--faults", "off", dataDir(t)))
	})
	t.Run("postgres, to a new database", func(t *testing.T) {
		t.Parallel()
		url, other := server.Database(t), server.Database(t)
		s := sellForBackup(t, database(url), dataDir(t))
		o := newOperator(t, s.server, t.TempDir(), connection(t, url)...)
		s.backUp(func() { o.run("back up postgres") })
		o.env = connection(t, other)
		o.run("restore postgres", "ALTER SCHEMA")
		s.check(serve(t, database(other), "--faults", "off", dataDir(t)))
	})
}

// backedUp is a sale during which a backup is made.
type backedUp struct {
	t      *testing.T
	server *process
	rush   *rush
	before map[string]receipt // the receipts when the backup began
	all    map[string]receipt // the purchases when the sale ended
}

func sellForBackup(t *testing.T, env []string, flag string) *backedUp {
	t.Helper()
	s := &backedUp{t: t, server: serve(t, env, "--faults", "off", flag)}
	s.rush = newRush(t, s.server.url(), 1_000_000)
	return s
}

// backUp calls a function in the middle of a rush.
func (s *backedUp) backUp(do func()) {
	s.t.Helper()
	ctx, end := context.WithCancel(s.t.Context())
	defer end()
	wait := s.rush.storm(ctx, 8)
	s.awaitReceipts(100)
	s.before = s.receipts()
	do()
	during := len(s.receipts()) - len(s.before)
	if during == 0 {
		s.t.Error("nothing was sold while the backup was made")
	}
	s.awaitReceipts(len(s.before) + during + 20)
	end()
	wait()
	s.all = s.rush.rows()
}

func (s *backedUp) receipts() map[string]receipt {
	s.rush.mu.Lock()
	defer s.rush.mu.Unlock()
	return maps.Clone(s.rush.receipts)
}

func (s *backedUp) awaitReceipts(n int) {
	s.t.Helper()
	until(s.t, startLimit, "buyers buy", func() string {
		if got := len(s.receipts()); got < n {
			return fmt.Sprintf("%d of %d receipts", got, n)
		}
		return ""
	})
}

// check compares the restored sale with the one before, and sells more tickets.
func (s *backedUp) check(restored *process) {
	s.t.Helper()
	base := restored.url()
	s.rush.base.Store(&base)
	rows := s.rush.verifyBooks()
	for id, told := range s.before {
		if row := rows[id]; row.Email != told.Email || row.Quantity != told.Quantity {
			s.t.Errorf("a receipt before the backup is %+v, the restored purchase %+v", told, row)
		}
	}
	for id, row := range rows {
		if s.all[id] != row {
			s.t.Errorf("the restored purchase is %+v, the original was %+v", row, s.all[id])
		}
	}
	if len(rows) == len(s.all) {
		s.t.Errorf("all %d purchases exist, even those after the backup: nothing was restored", len(rows))
	}
	s.rush.buy(s.t.Context(), 5, 2)
	if after := s.rush.verifyBooks(); len(after) != len(rows)+5 {
		s.t.Errorf("%d purchases after 5 more, want %d", len(after), len(rows)+5)
	}
}
