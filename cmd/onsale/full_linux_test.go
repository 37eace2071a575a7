package main

import (
	"strings"
	"testing"
)

// TestAutomateWithAFullDisk logs to /dev/full, which only Linux has.
func TestAutomateWithAFullDisk(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--faults", "off", dataDir(t))
	a := automate(t, p.url(), "--rate", "200", "--count", "20", "--log", "/dev/full")
	if code := a.code(); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	s := readSummary(t, a.stdout.String())
	if s.calls != 41 || s.lost != 41 || s.recorded != 0 || s.created != 20 || s.deleted != 20 || s.failed != 0 {
		t.Errorf("%+v", s)
	}
	if said := a.stderr.String(); !strings.Contains(said, "41 calls were not recorded") ||
		!strings.Contains(a.stdout.String(), "no space left on device") {
		t.Errorf("said %s\n%s", a.stdout, said)
	}
}
