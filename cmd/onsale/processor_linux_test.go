package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// jiffy is the unit of processor time in /proc. USER_HZ is 100 on every Linux that Go
// supports.
const jiffy = 10 * time.Millisecond

// family returns a process and its child, if it has one.
func family(t *testing.T, p *process) []int {
	t.Helper()
	pids := []int{p.cmd.Process.Pid}
	if pid := p.child(); pid != 0 {
		pids = append(pids, pid)
	}
	return pids
}

// cpuTime returns the CPU time of a process and its child.
func cpuTime(t *testing.T, p *process) time.Duration {
	t.Helper()
	var ticks int64
	for _, pid := range family(t, p) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		// The second field is the name in parentheses; 14 and 15 are utime and stime.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(string(field), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * jiffy
}
