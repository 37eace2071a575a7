package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const date = "2026-11-28T10:12:04Z"

// built makes the directories of two builds, as if by somebody with that umask at that time, and enters
// the upper one. It returns the names of the directories BUILD and OUT.
func built(t *testing.T, umask os.FileMode, at time.Time) (build, out string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"README.md": "# Onsale", "LICENSE": "Apache", "build/linux/amd64/onsale": "ELF", "build/windows/arm64/onsale.exe": "PE",
	} {
		if err := errors.Join(
			os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o777&^umask),
			os.Chmod(name, 0o777&^umask), os.Chtimes(name, at, at), os.MkdirAll("out", 0o755),
		); err != nil {
			t.Fatal(err)
		}
	}
	return "build", "out"
}

// contents returns the files of a directory.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]byte)
	for _, name := range names {
		if all[filepath.Base(name)], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestArchivesAreReproducible packs the same files twice: their times and modes on disk make no
// difference, and their contents do.
func TestArchivesAreReproducible(t *testing.T) {
	var all []map[string][]byte
	for _, c := range []struct {
		umask os.FileMode
		at    time.Time
		more  string
	}{
		{0o022, time.Unix(1_700_000_000, 0), ""},
		{0o077, time.Unix(1_800_000_000, 0), ""},
		{0o022, time.Unix(1_700_000_000, 0), "!"},
	} {
		build, out := built(t, c.umask, c.at)
		if err := os.WriteFile("README.md", []byte("# Onsale"+c.more), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := release("v1.2.3", date, build, out); err != nil {
			t.Fatal(err)
		}
		all = append(all, contents(t, out))
	}
	if !maps.EqualFunc(all[0], all[1], bytes.Equal) {
		t.Error("the archives depend on the modes and times of the files on the disk")
	}
	for name := range all[0] {
		if bytes.Equal(all[0][name], all[2][name]) {
			t.Errorf("%s does not depend on what is in the files", name)
		}
	}
}

func TestRelease(t *testing.T) {
	build, out := built(t, 0o077, time.Now())
	if err := release("v1.2.3", date, build, out); err != nil {
		t.Fatal(err)
	}
	all := contents(t, out)
	const linux, windows = "onsale_v1.2.3_linux_amd64", "onsale_v1.2.3_windows_arm64"
	sums := fmt.Sprintf("%x  %s.tar.gz\n%x  %s.zip\n", sha256.Sum256(all[linux+".tar.gz"]), linux, sha256.Sum256(all[windows+".zip"]), windows)
	if string(all["SHA256SUMS"]) != sums || len(all) != 3 {
		t.Errorf("%d files, and the checksums are\n%s, want\n%s", len(all), all["SHA256SUMS"], sums)
	}
	want := []string{"onsale -rwxr-xr-x " + date + " ELF", "LICENSE -rw-r--r-- " + date + " Apache", "README.md -rw-r--r-- " + date + " # Onsale"}
	for i := range want {
		want[i] = linux + "/" + want[i]
	}
	if got := readTar(t, all[linux+".tar.gz"]); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for i := range want {
		want[i] = strings.NewReplacer(linux, windows, "onsale -", "onsale.exe -", "ELF", "PE").Replace(want[i])
	}
	if got := readZip(t, all[windows+".zip"]); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// entry describes a file of an archive.
func entry(t *testing.T, name string, info os.FileInfo, r io.Reader) string {
	t.Helper()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s %s %s %s", name, info.Mode(), info.ModTime().UTC().Format(time.RFC3339), content)
}

func readTar(t *testing.T, archive []byte) (entries []string) {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(compressed); ; {
		header, err := r.Next()
		if err == io.EOF {
			return entries
		} else if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry(t, header.Name, header.FileInfo(), r))
	}
}

func readZip(t *testing.T, archive []byte) (entries []string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry(t, f.Name, f.FileInfo(), r))
	}
	return entries
}

// TestUnknownDate: an archive of the source has no commit and no date.
func TestUnknownDate(t *testing.T) {
	build, out := built(t, 0, time.Now())
	if err := release("dev", "unknown", build, out); err != nil {
		t.Fatal(err)
	}
	got := readTar(t, contents(t, out)["onsale_dev_linux_amd64.tar.gz"])
	if len(got) != 3 || !strings.Contains(got[0], "1980-01-01T00:00:00Z") {
		t.Errorf("got %q, want the first of January 1980", got)
	}
}

func TestWrongUse(t *testing.T) {
	build, out := built(t, 0, time.Now())
	for name, c := range map[string]struct{ version, date, build, say string }{
		"no version":  {"", date, build, "-version"},
		"a path":      {"../v1", date, build, "-version"},
		"no date":     {"v1.2.3", "", build, "-date"},
		"a bad date":  {"v1.2.3", "yesterday", build, "-date"},
		"no binaries": {"v1.2.3", date, out, "OS/ARCH/onsale"},
	} {
		if err := release(c.version, c.date, c.build, out); err == nil || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%s: %v, want one with %q", name, err, c.say)
		}
	}
	if left := contents(t, out); len(left) != 0 {
		t.Errorf("wrong use wrote %d files", len(left))
	}
}
