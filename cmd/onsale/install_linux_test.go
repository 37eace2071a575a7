package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// machine is a directory into which install.sh installs.
type machine struct {
	t    *testing.T
	root string
	env  []string
}

// newMachine returns a machine with a version of systemd. It trusts the certificate of a
// download server.
func newMachine(t *testing.T, systemd string, downloads *httptest.Server) *machine {
	t.Helper()
	m := &machine{t: t, root: t.TempDir()}
	for _, dir := range []string{"usr/local/bin", "etc", "var/tmp"} {
		if err := os.MkdirAll(filepath.Join(m.root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program(t, filepath.Join(m.root, "tools", "systemctl"), `
		if [ "$1" = --version ]; then echo "systemd `+systemd+`"; echo "+PAM"; exit; fi
		echo "$*" >>"`+m.root+`/systemctl.log"`)
	ca := writeFile(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: downloads.Certificate().Raw})))
	m.env = []string{
		"ONSALE_ROOT=" + m.root, "CURL_CA_BUNDLE=" + ca, "LC_ALL=C",
		"PATH=" + filepath.Join(m.root, "tools") + ":" + os.Getenv("PATH"),
	}
	return m
}

// install runs install.sh.
func (m *machine) install(arguments ...string) (said string, ok bool) {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), "bash", append([]string{"../../deploy/aws/install.sh"}, arguments...)...)
	cmd.Env = m.env
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// file returns the content and mode of a file of the machine. The content is empty if there is none.
func (m *machine) file(path string) (text string, mode os.FileMode) {
	m.t.Helper()
	path = filepath.Join(m.root, path)
	content, err := os.ReadFile(path)
	if err != nil {
		return "", 0
	}
	info, err := os.Stat(path)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(content), info.Mode()
}

// left returns the files that an installation should have removed.
func (m *machine) left() (names []string) {
	m.t.Helper()
	for _, pattern := range []string{"usr/local/bin/.*", "var/tmp/*"} {
		found, err := filepath.Glob(filepath.Join(m.root, pattern))
		if err != nil {
			m.t.Fatal(err)
		}
		names = append(names, found...)
	}
	return names
}

// version returns a program that prints its version.
func version(name string) string { return "#!/bin/sh\necho onsale " + name + "\n" }

// releases serves archives with these files, by name.
type releases map[string]map[string]string

func (r releases) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	files, ok := r[strings.TrimPrefix(request.URL.Path, "/")]
	if !ok {
		http.NotFound(w, request)
		return
	}
	_, _ = w.Write(archive(files))
}

// archive returns a .tar.gz.
func archive(files map[string]string) []byte {
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	t := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		_ = t.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(files[name]))})
		_, _ = t.Write([]byte(files[name]))
	}
	_ = t.Close()
	_ = zip.Close()
	return packed.Bytes()
}

func sum(files map[string]string) string {
	hash := sha256.Sum256(archive(files))
	return hex.EncodeToString(hash[:])
}

// TestInstall installs, updates, and rejects invalid archives. A rejected archive changes
// nothing on the machine.
func TestInstall(t *testing.T) {
	t.Parallel()
	all := releases{
		"one.tar.gz":     {"onsale": version("one")},
		"two.tar.gz":     {"onsale_2/onsale": version("two")},
		"none.tar.gz":    {"README.md": "text", "bin/onsale.txt": "text"},
		"twice.tar.gz":   {"a/onsale": version("a"), "b/onsale": version("b")},
		"another.tar.gz": {"onsale": "\x7fELF\x02\x01\x01 of another processor"},
	}
	downloads := httptest.NewTLSServer(all)
	t.Cleanup(downloads.Close)
	m := newMachine(t, "252 (252.23-2.amzn2023)", downloads)

	if said, ok := m.install(downloads.URL+"/one.tar.gz", sum(all["one.tar.gz"])); !ok {
		t.Fatalf("the first installation failed: %s", said)
	}
	token, mode := m.file("etc/onsale/admin-token")
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(token) || mode != 0o600 {
		t.Errorf("the admin token is %q with mode %o", token, mode)
	}
	if text, mode := m.file("etc/onsale/onsale.env"); !strings.Contains(text, "DATABASE_URL=") || mode != 0o600 {
		t.Errorf("the settings are %q with mode %o", text, mode)
	}
	if text, mode := m.file("usr/local/bin/onsale"); text != version("one") || mode != 0o755 {
		t.Errorf("the program is %q with mode %o", text, mode)
	}
	if log, _ := m.file("systemctl.log"); log != "daemon-reload\nenable onsale.service\nrestart onsale.service\n" {
		t.Errorf("systemctl was called with %q", log)
	}

	settings := filepath.Join(m.root, "etc", "onsale", "onsale.env")
	if err := os.WriteFile(settings, []byte("ONSALE_FAULTS=off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, ok := m.install(downloads.URL+"/two.tar.gz", sum(all["two.tar.gz"])); !ok {
		t.Fatalf("the update failed: %s", said)
	}
	for name, test := range map[string]struct {
		arguments []string
		says      string
	}{
		"another hash":      {[]string{downloads.URL + "/one.tar.gz", archiveSum}, "nothing was installed"},
		"no such archive":   {[]string{downloads.URL + "/three.tar.gz", archiveSum}, "404"},
		"no TLS":            {[]string{"http" + strings.TrimPrefix(downloads.URL, "https") + "/one.tar.gz", archiveSum}, "https://"},
		"no program":        {[]string{downloads.URL + "/none.tar.gz", sum(all["none.tar.gz"])}, "one file named onsale, not 0"},
		"two programs":      {[]string{downloads.URL + "/twice.tar.gz", sum(all["twice.tar.gz"])}, "one file named onsale, not 2"},
		"another processor": {[]string{downloads.URL + "/another.tar.gz", sum(all["another.tar.gz"])}, "does not run on this machine"},
		"no such file":      {[]string{"/nowhere/onsale"}, "No such file"},
		"three arguments":   {[]string{"a", "b", "c"}, "not 3 arguments"},
	} {
		if said, ok := m.install(test.arguments...); ok || !strings.Contains(said, test.says) {
			t.Errorf("%s: %t, %s", name, ok, said)
		}
		if left := m.left(); len(left) > 0 {
			t.Errorf("%s leaves %s", name, left)
		}
	}
	if text, _ := m.file("usr/local/bin/onsale"); text != version("two") {
		t.Errorf("after rejected archives the program is %q", text)
	}

	copied := filepath.Join(t.TempDir(), "copied")
	program(t, copied, "echo onsale copied")
	if said, ok := m.install(copied); !ok || !strings.Contains(said, "onsale copied") {
		t.Errorf("a copied binary: %s", said)
	}
	if text, _ := m.file("etc/onsale/onsale.env"); text != "ONSALE_FAULTS=off\n" {
		t.Errorf("an update overwrote the settings: %q", text)
	}
	if again, _ := m.file("etc/onsale/admin-token"); again != token {
		t.Error("an update replaced the admin token")
	}
}

// TestInstallBeforeTheBinary prepares a machine on which the binary is not installed yet.
func TestInstallBeforeTheBinary(t *testing.T) {
	t.Parallel()
	downloads := httptest.NewTLSServer(releases{})
	t.Cleanup(downloads.Close)
	m := newMachine(t, "257 (257.7-1)", downloads)
	if said, ok := m.install(); !ok {
		t.Fatal(said)
	}
	if token, _ := m.file("etc/onsale/admin-token"); token == "" {
		t.Error("there is no admin token")
	}
	if text, _ := m.file("usr/local/bin/onsale"); text != "" {
		t.Errorf("the program is %q", text)
	}
	// The unit is enabled, but its condition prevents a start.
	if !strings.Contains(vmFile(t, "onsale.service"), "\nConditionFileIsExecutable=/usr/local/bin/onsale\n") {
		t.Error("without the binary the unit fails")
	}
}

// TestInstallRejectsOldSystems: on Amazon Linux 2 the server would run as root.
func TestInstallRejectsOldSystems(t *testing.T) {
	t.Parallel()
	downloads := httptest.NewTLSServer(releases{})
	t.Cleanup(downloads.Close)
	for _, systemd := range []string{"219", "249 (249.11-0ubuntu3)", "unknown"} {
		m := newMachine(t, systemd, downloads)
		if said, ok := m.install(); ok || !strings.Contains(said, "must be 250 or newer") {
			t.Errorf("systemd %s: %t, %s", systemd, ok, said)
		}
		if token, _ := m.file("etc/onsale/admin-token"); token != "" || len(m.left()) > 0 {
			t.Errorf("systemd %s: something was installed", systemd)
		}
	}
}
