package deploy_test

import (
	"encoding/json"
	"regexp"
	"testing"
)

// TestNpmPackagesArePinned: the packages are named with their whole versions and checksums, and
// the lock file names no registry, so that each machine uses its own.
func TestNpmPackagesArePinned(t *testing.T) {
	t.Parallel()
	var lock struct {
		Packages map[string]struct {
			Version, Resolved, Integrity string
			DevDependencies              map[string]string
		}
	}
	if err := json.Unmarshal(readFile(t, "tools/newman/package-lock.json"), &lock); err != nil {
		t.Fatal(err)
	}
	if lock.Packages["node_modules/newman"].Version == "" {
		t.Error("newman is not among the packages")
	}
	for name, p := range lock.Packages {
		if name != "" && (p.Version == "" || p.Integrity == "" || p.Resolved != "") {
			t.Errorf("%s: %+v, want a version and a checksum, and no URL", name, p)
		}
	}
	for name, version := range lock.Packages[""].DevDependencies {
		if !regexp.MustCompile(`^\d+\.\d+\.\d+$`).MatchString(version) {
			t.Errorf("%s %s, want a whole version", name, version)
		}
	}
}
