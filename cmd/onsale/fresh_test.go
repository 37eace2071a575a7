package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/cmd/onsale/internal/command"
)

// TestFresh: --fresh wipes the files of Onsale after confirmation, but never while another
// process uses them.
func TestFresh(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	up := func(args ...string) *process {
		t.Helper()
		return launch(t, nil, append([]string{"up", "--crowd", "0", "--data-dir", dir}, args...)...)
	}
	first := up("--listen", "127.0.0.1:0")
	base := first.url()
	r := newRush(t, base, 100)
	r.sold(t)

	for name, args := range map[string][]string{
		"on its port":      {"--fresh", "--yes", "--listen", strings.TrimPrefix(base, "http://")},
		"on another port":  {"--fresh", "--yes", "--listen", "127.0.0.1:0"},
		"no answer":        {"--fresh", "--listen", "127.0.0.1:0"},
		"nothing to watch": {"--fresh", "--yes", "--monitor", "off", "--listen", "127.0.0.1:0"},
	} {
		second := up(args...)
		if code := second.code(); code == command.ExitOK {
			t.Errorf("%s: a second process wiped the directory: %s", name, second.stderr)
		}
		r.sold(t)
	}
	if code := first.terminate(); code != command.ExitOK {
		t.Fatalf("exit code %d", code)
	}

	for _, mine := range []string{"onsale.db-backup", "prometheus.yml", "wiped"} {
		if err := os.WriteFile(filepath.Join(dir, mine), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second := up("--listen", "127.0.0.1:0", "--fresh", "--yes")
	second.url()
	if !strings.Contains(second.stderr.String(), "onsale: removed ") {
		t.Errorf("it does not report that it removed files:\n%s", second.stderr)
	}
	c := newClient()
	defer c.CloseIdleConnections()
	if status, body := call(t.Context(), c, http.MethodGet, second.url()+"/purchases", ""); status != http.StatusOK || strings.Contains(string(body), "purchase_id") {
		t.Errorf("after --fresh there are purchases: %d %s", status, body)
	}
	for _, mine := range []string{"onsale.db-backup", "prometheus.yml", "wiped"} {
		if _, err := os.Stat(filepath.Join(dir, mine)); err != nil {
			t.Errorf("a file that is not Onsale's is gone: %v", err)
		}
	}
}

// sold buys a ticket and checks that the purchase exists.
func (r *rush) sold(t *testing.T) {
	t.Helper()
	base := *r.base.Load()
	if status, body := call(t.Context(), r.client, http.MethodPut, base+"/faults", `{"preset":"off"}`); status != http.StatusOK {
		t.Fatalf("PUT /faults: %d %s", status, body)
	}
	status, told := r.once(t.Context(), base, r.buyer(), 1)
	if status != http.StatusOK {
		t.Fatalf("not sold: %d", status)
	}
	if status, body := call(t.Context(), r.client, http.MethodGet, base+"/purchases/"+told.ID, ""); status != http.StatusOK {
		t.Fatalf("the purchase does not exist: %d %s", status, body)
	}
}
