//go:build world && linux

package docs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// pageTime is the time limit of a page, on a busy machine.
const pageTime = 4 * time.Minute

// TestPagesRun runs the blocks of each page in order, in one shell and in a copy of the repository of their own,
// with an empty home and no way to the internet. It needs bin/onsale.
func TestPagesRun(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"unshare", "ip", "bash", "curl", "git"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%v: install util-linux, iproute2, bash, curl and git", err)
		}
	}
	root, err := filepath.Abs("..") // the directory of the repository
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu   sync.Mutex
		said = make(map[string]string)
	)
	pages := readPages(t)
	t.Run("page", func(t *testing.T) {
		for _, p := range pages {
			if p.runs() == 0 {
				continue
			}
			t.Run(strings.ReplaceAll(p.Path, "/", "_"), func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				if err := run(t, root, p, pageTime); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				said[p.Path] = time.Since(began).Round(100 * time.Millisecond).String()
			})
		}
	})
	summary(t, pages, said)
}

// summary prints what ran and what did not, with the reasons.
func summary(t *testing.T, pages []*page, times map[string]string) {
	t.Helper()
	var text strings.Builder
	ran, left := 0, 0
	where := make(map[string][]string) // by reason
	for _, p := range pages {
		for i := range p.Blocks {
			if b := &p.Blocks[i]; b.NotRun != "" {
				where[b.NotRun] = append(where[b.NotRun], fmt.Sprintf("%s:%d", p.Path, b.First))
				left++
			}
		}
		if n := p.runs(); n > 0 {
			fmt.Fprintf(&text, "%3d run      %s %s\n", n, p.Path, times[p.Path])
			ran += n
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(where)) {
		fmt.Fprintf(&text, "%3d not run  %s: %s\n", len(where[reason]), reason, strings.Join(where[reason], " "))
	}
	t.Logf("%d blocks run, %d not run\n%s", ran, left, text.String())
}

// run runs one page, and compares the outputs of its blocks with the page. The error names page and line.
func run(t *testing.T, root string, p *page, limit time.Duration) error {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "tree")
	copyRepository(t, root, tree)
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, filepath.Base(p.Path))
	if err := os.WriteFile(script, []byte(p.script()), 0o644); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	args := []string{"--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"}
	if os.Geteuid() != 0 {
		args = append(args, "--user", "--map-current-user", "--keep-caps")
	}
	args = append(args, "bash", filepath.Join(root, "scripts", "docs-page.sh"), p.Path, dir, script)
	cmd := exec.CommandContext(ctx, "unshare", args...)
	cmd.Dir = root
	cmd.Env = environment(t, root, home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	runtime.LockOSThread() // Pdeathsig is of the thread
	defer runtime.UnlockOSThread()
	if err := cmd.Run(); err != nil {
		at, printed := lastBlock(dir)
		if ctx.Err() != nil {
			err = fmt.Errorf("not at its end after %v", limit)
		}
		return fmt.Errorf("%s:%s: %w\n%s--- the block printed, at its end:\n%s", p.Path, at, err, said.String(), printed)
	}
	var wrong []error
	for i := range p.Blocks {
		b := &p.Blocks[i]
		if b.Want == nil || b.NotRun != "" {
			continue
		}
		got, err := os.ReadFile(filepath.Join(dir, "out", fmt.Sprint(b.First)))
		if err != nil {
			t.Fatal(err)
		}
		if line := b.Want.differs(string(got)); line != "" {
			wrong = append(wrong, fmt.Errorf("%s:%d: the page says that the block prints %q; it printed\n%s", p.Path, b.Want.Line, line, got))
		}
	}
	return errors.Join(wrong...)
}

// lastBlock returns the line of the block that ran last, and the end of what it printed.
func lastBlock(dir string) (line, printed string) {
	current, err := os.ReadFile(filepath.Join(dir, "current"))
	if err != nil {
		return "1", "nothing: no block has begun. The page needs namespaces of its own, as root or with user namespaces"
	}
	line = strings.TrimSpace(string(current))
	out, _ := os.ReadFile(filepath.Join(dir, "out", line))
	return line, string(out[max(0, len(out)-4000):])
}

// copyRepository copies all files of the repository, those that are ignored left out, and the binary.
func copyRepository(t *testing.T, root, to string) {
	t.Helper()
	list := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	names, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if errors.Is(err, os.ErrNotExist) {
			continue // deleted, and not committed
		}
		if err != nil {
			t.Fatal(err)
		}
		target := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(to, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(root, "bin", "onsale")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	target := filepath.Join(to, "bin", "onsale")
	if os.Link(binary, target) != nil {
		data, err := os.ReadFile(binary)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// environment is that of a new user, except that Go uses its existing caches.
func environment(t *testing.T, root, home string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOROOT", "GOFLAGS").Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	var settings map[string]string
	if err := json.Unmarshal(out, &settings); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"HOME=" + home, "TMPDIR=" + filepath.Dir(home), "LANG=C.UTF-8", "TERM=dumb", "USER=reader",
		"PATH=" + settings["GOROOT"] + "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"GOPROXY=off", "GOTOOLCHAIN=local",
	}
	for name, value := range settings {
		env = append(env, name+"="+value)
	}
	// The copy has no .git, so make build gets as variables what it would read from git.
	var flags []string
	for _, what := range []string{"version", "commit", "date"} {
		value, err := exec.CommandContext(t.Context(), "bash", filepath.Join(root, "scripts", "version.sh"), what).Output()
		if err != nil {
			t.Fatalf("version.sh %s: %v", what, err)
		}
		flags = append(flags, strings.ToUpper(what)+"="+strings.TrimSpace(string(value)))
	}
	slices.Sort(env)
	return append(env, "MAKEFLAGS= -- "+strings.Join(flags, " "))
}

// TestFailuresAreNoticed checks that an error on a page fails it, and that the message names the line.
func TestFailuresAreNoticed(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ text, want string }{
		"a command":            {"```sh\ntrue\nfalse\ntrue\n```", "p.md:3: ended with status 1"},
		"a command of a pipe":  {"```sh\nfalse | cat\n```", "p.md:2: ended with status 1"},
		"a later block":        {"```sh\ntrue\n```\n\n```sh\n\nfalse\n```", "p.md:7: ended with status 1"},
		"a function":           {"<!-- setup\nf() {\n  false\n}\n-->\n```sh\nf\n```", "ended with status 1"},
		"an unset variable":    {"```sh\necho $nothing\n```", "line 2: nothing: unbound variable"},
		"no server":            {"```sh\ncurl -s http://127.0.0.1:8000/\n```", "p.md:2: ended with status 7"},
		"the internet":         {"```sh\ncurl -s http://192.0.2.1/\n```", "p.md:2: ended with status 7"},
		"a status of HTTP":     {"<!-- background -->\n```sh\nbin/onsale serve\n```\n```sh\ncurl -s http://127.0.0.1:8000/nothing\n```", "p.md:6: ended with status 22"},
		"an end too early":     {"<!-- background: never -->\n```sh\necho so\n```", "p.md:2: ended before it said 'never'"},
		"a status of 0":        {"<!-- exit 1 -->\n```sh\ntrue\n```", "ended with status 0, expected 1"},
		"another status":       {"<!-- exit 1 -->\n```sh\n(exit 2)\n```", "ended with status 2, expected 1"},
		"one of two":           {"<!-- exit 0 3 -->\n```sh\n(exit 2)\n```", "ended with status 2, expected 0 3"},
		"after a status":       {"<!-- exit 1 -->\n```sh\nfalse\n```\n```sh\nfalse\n```", "p.md:6: ended with status 1"},
		"another output":       {"```sh\necho one\n```\n<!-- output -->\n```\ntwo\n```", `p.md:5: the page says that the block prints "two"`},
		"an interrupt refused": {"<!-- background: up -->\n```sh\ntrap 'exit 3' INT; echo up; while :; do sleep 0.1; done\n```\n<!-- interrupt -->", "ended with status 3, expected 0"},
		"a page without end":   {"```sh\nsleep 1000\n```", "not at its end after"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := parsePage("p.md", test.text)
			if err != nil {
				t.Fatal(err)
			}
			limit := pageTime
			if name == "a page without end" {
				limit = 2 * time.Second
			}
			if err := run(t, root, p, limit); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the page failed with %v, want %q", err, test.want)
			}
		})
	}
}

// TestAPageRunsAsRead checks that variables and directories are kept, a second terminal continues, and background
// processes end.
func TestAPageRunsAsRead(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join([]string{
		"<!-- file: it's.txt -->", "```yaml", "$kept: as it `is`", "```",
		"<!-- setup", "name=Ada", "-->",
		"```sh", "mkdir d && cd d", "```",
		"1. In a list:", "   <!-- here: nobody => $name -->", "   ```sh", "   echo hello nobody", "   pwd", "   ```",
		"   <!-- output -->", "   ```", "   hello Ada", "   …/d", "   ```",
		"```sh", `cat "../it's.txt"; ls -A ~`, "```", "<!-- output -->", "```", "$kept: as it `is`", "```",
		"<!-- background -->", "```sh", "cd .. && bin/onsale serve", "```",
		"<!-- exit 22 -->", "```sh", "curl -s http://127.0.0.1:8000/nothing", "```",
		"<!-- interrupt -->",
		"<!-- exit 7 -->", "```sh", "curl -s http://127.0.0.1:8000/ready", "```",
		"```sh", "sleep 1000 &", "```",
	}, "\n")
	p, err := parsePage("p.md", text)
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t, root, p, pageTime); err != nil {
		t.Error(err)
	}
}
