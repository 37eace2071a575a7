package pgtest_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"onsale/internal/pgtest"
)

// victimVariable makes a second run of the test binary the victim of the test below.
const victimVariable = "ONSALE_PGTEST_VICTIM"

func TestNothingOutlivesAKilledTest(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"running", "frozen"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$")
			victim.Env = append(os.Environ(), victimVariable+"="+state)
			out, err := victim.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := victim.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatalf("the victim did not write its directory: %v", err)
			}
			dir := strings.TrimSpace(line)
			family := serving(t, dir)
			if len(family) < 2 {
				t.Fatalf("processes %v in %s, want a server with children", family, dir)
			}
			if err := victim.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = victim.Wait() // it was killed

			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				left := serving(t, dir)
				if len(left) == 0 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("processes %v outlived the test", left)
				}
			}
			pgtest.Start(t) // removes what killed tests left
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the directory was not removed: %v", err)
			}
		})
	}
}

// TestVictim starts a server and waits to be killed.
func TestVictim(t *testing.T) {
	state := os.Getenv(victimVariable)
	if state == "" {
		return // an ordinary run of the tests
	}
	server := pgtest.Start(t)
	dir := strings.TrimSuffix(query(t, server.Database(t), "SHOW data_directory"), "/data")
	if state == "frozen" {
		if err := server.Pause(); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Println(dir) //nolint:forbidigo // the test that kills this one reads it
	<-t.Context().Done()
}

// serving returns the processes whose working directory is in the cluster's directory.
func serving(t *testing.T, dir string) []int {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, link := range links {
		if cwd, err := os.Readlink(link); err != nil || !strings.HasPrefix(cwd, dir) {
			continue // ended, a zombie, or another user's
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}
