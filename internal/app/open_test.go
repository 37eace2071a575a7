package app_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onsale/internal/app"
	"onsale/internal/lock"
)

// TestNewReleasesWhatItOpened: a server that cannot start releases its address and its data
// directory.
func TestNewReleasesWhatItOpened(t *testing.T) {
	t.Parallel()
	free, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, dir := free.Addr().String(), t.TempDir()
	free.Close()
	// The embedded database cannot be a directory.
	if err := os.Mkdir(filepath.Join(dir, "onsale.db"), 0o700); err != nil {
		t.Fatal(err)
	}
	o := app.DefaultOptions()
	o.Listen, o.DataDir = address, dir
	if _, err := app.New(t.Context(), o); err == nil {
		t.Fatal("the server starts without a database")
	}
	again, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatalf("the address is still taken: %v", err)
	}
	again.Close()
	owned, err := lock.Own(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatalf("the data directory is still in use: %v", err)
	}
	if err := owned.Release(); err != nil {
		t.Error(err)
	}
}

// TestKept: --fresh removes the files of Onsale, and no others.
func TestKept(t *testing.T) {
	t.Parallel()
	o := app.DefaultOptions()
	o.DataDir = t.TempDir()
	for _, file := range []string{"onsale.db", "inbox.json/not-a-file", "prometheus/wal/00000000", "alertmanager/notes.txt", "mine.txt"} {
		path := filepath.Join(o.DataDir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := app.Kept(o)
	if got := strings.Join(kept, " "); err != nil || got != "onsale.db prometheus" {
		t.Errorf("%q, %v, want onsale.db prometheus", got, err)
	}
	o.DatabaseURLSet = true
	if _, err := app.Kept(o); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("with DATABASE_URL set: %v", err)
	}
}
