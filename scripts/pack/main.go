// Command pack makes the archives of a release from the binaries of a build:
//
//	pack -version v1.2.3 -date 2026-11-28T10:12:04Z BUILD OUT
//
// BUILD has a directory OS/ARCH for each platform. OUT gets onsale_VERSION_OS_ARCH.tar.gz, .zip for
// Windows, each with README.md and LICENSE of the current directory, and SHA256SUMS. The same files, version and date give the
// same bytes on any machine at any time.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

func main() {
	version := flag.String("version", "", "the version, which is part of the names")
	date := flag.String("date", "", "the time of all files, in UTC as RFC 3339; it may be unknown")
	flag.Parse()
	if flag.NArg() != 2 {
		fail(fmt.Errorf("want the directories BUILD and OUT, got %q", flag.Args()))
	}
	if err := release(*version, *date, flag.Arg(0), flag.Arg(1)); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "pack: %v\n", err)
	os.Exit(1)
}

// oldest is the time of files whose date is unknown: zip archives have no earlier times.
var oldest = time.Date(1980, time.January, 1, 0, 0, 0, 0, time.UTC)

// named matches a version that may be part of a file's name.
var named = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+-]*$`)

// release makes the archives of all platforms, and the file of their checksums.
func release(version, date, build, out string) error {
	if !named.MatchString(version) {
		return fmt.Errorf("-version must be like v1.2.3, not %q", version)
	}
	at := oldest
	if date != "unknown" {
		var err error
		if at, err = time.Parse(time.RFC3339, date); err != nil {
			return fmt.Errorf("-date must be like 2026-11-28T10:12:04Z or unknown: %w", err)
		}
	}
	binaries, err := filepath.Glob(filepath.Join(build, "*", "*", "onsale*")) // sorted
	if err != nil || len(binaries) == 0 {
		return fmt.Errorf("%s has no OS/ARCH/onsale", build)
	}
	var sums []byte
	for _, binary := range binaries {
		arch := filepath.Dir(binary)
		name := fmt.Sprintf("onsale_%s_%s_%s", version, filepath.Base(filepath.Dir(arch)), filepath.Base(arch))
		files := []file{{binary, 0o755}, {"LICENSE", 0o644}, {"README.md", 0o644}}
		archive, sum, err := pack(out, name, files, at.UTC())
		if err != nil {
			return fmt.Errorf("pack %s: %w", name, err)
		}
		fmt.Printf("%s  %s\n", sum, archive)
		sums = fmt.Appendf(sums, "%s  %s\n", sum, archive) // as sha256sum --check reads it
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), sums, 0o644)
}
