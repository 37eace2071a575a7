//go:build world && linux

package image_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"onsale/internal/dockertest"
)

// TestRebuild builds the image from the source, and the same commit in two other directories, and
// compares the binaries. The toolchain's image is made of this machine's, under the name that the
// Dockerfile gives it: the test needs no registry. What is not committed is not built.
func TestRebuild(t *testing.T) {
	e := dockertest.Start(t)
	source := clone(t)
	toolchain(t, e, source)

	// The one has neither a cache nor the directory in common with the other.
	image := e.Name("source")
	build := []string{"build", "--network", "host", "--tag", image, "--build-arg", "GOPROXY=" + proxy(t, source)}
	for _, arg := range []string{"VERSION", "COMMIT", "DATE"} {
		build = append(build, "--build-arg", arg+"="+command(t, source, nil, "bash", "scripts/version.sh", strings.ToLower(arg)))
	}
	if out, err := e.Command(t.Context(), append(build, source)...).CombinedOutput(); err != nil {
		t.Fatalf("build from the source: %v\n%s", err, out)
	}
	e.Remove(t, "image", image)
	inImage := onsaleOf(t, e, image)
	if want := command(t, source, nil, "git", "rev-parse", "HEAD"); !strings.Contains(e.Docker(t, "run", "--rm", image, "version"), want) {
		t.Errorf("onsale version of the image does not name the commit %s", want)
	}

	other, platform := clone(t), "linux/"+runtime.GOARCH
	command(t, other, []string{"GOCACHE=" + t.TempDir()}, "make", "dist", "PLATFORMS="+platform)
	if inArchive := onsaleIn(t, filepath.Join(other, "dist")); inArchive != inImage {
		t.Errorf("a build in another directory gives %s, and that of the image %s", inArchive, inImage)
	}

	// A third directory, with a cache that builds of this commit and others have filled.
	again := clone(t)
	command(t, again, nil, "make", "dist", "PLATFORMS="+platform)
	for name, one := range archives(t, other) {
		if two := archives(t, again)[name]; one != two {
			t.Errorf("%s is %s, and built again %s", name, one, two)
		}
	}

	// What differs, and must: another version.
	command(t, again, nil, "make", "dist", "PLATFORMS="+platform, "VERSION=v0.0.1")
	if onsaleIn(t, filepath.Join(again, "dist")) == inImage {
		t.Error("the binary does not depend on the version, so that the comparison shows nothing")
	}

	t.Run("sells, stops and remembers", func(t *testing.T) { testSale(t, e, image) })
	t.Run("holds nothing else", func(t *testing.T) { testContent(t, e, image) })
	t.Run("is small", func(t *testing.T) { testSize(t, e, image) })
}

// clone clones the commit that is checked out, and returns the directory.
func clone(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "onsale")
	command(t, root, nil, "git", "clone", "--quiet", ".", dir)
	return dir
}

// command runs a command in a directory and returns what it writes to standard output.
func command(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, out, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// toolchain makes the image that the Dockerfile builds with: Go of this machine, and a shell.
func toolchain(t *testing.T, e *dockertest.Engine, source string) {
	t.Helper()
	dockerfile, err := os.ReadFile(filepath.Join(source, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^FROM --platform=\S+ (golang:(\d+\.\d+\.\d+)-\S+) AS build$`).FindSubmatch(dockerfile)
	if found == nil {
		t.Fatal("the Dockerfile builds with no pinned golang image")
	}
	if version := command(t, source, nil, "go", "env", "GOVERSION"); version != "go"+string(found[2]) {
		t.Fatalf("this machine has %s, and the Dockerfile builds with %s", version, found[2])
	}
	dir := t.TempDir()
	command(t, dir, nil, "bash", "-euc", `
		# The shell with the libraries that it loads, and the authorities.
		tar -chP --transform 's|^/||' -f shell.tar /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*') /etc/ssl/certs/ca-certificates.crt
		tar -c --transform 's|^|usr/local/go/|' -C "$(go env GOROOT)" -f "$PWD/go.tar" bin/go pkg src lib go.env VERSION
		printf '%s\n' 'FROM scratch' 'ADD shell.tar go.tar /' 'WORKDIR /tmp' \
			'ENV PATH=/usr/local/go/bin:/bin HOME=/tmp GOTOOLCHAIN=local GOPATH=/go' >Dockerfile`)
	e.Docker(t, "build", "--tag", string(found[1]), dir)
	e.Remove(t, "image", string(found[1]))
}

// proxy serves the modules of this machine as a module proxy does, and returns its URL.
func proxy(t *testing.T, source string) string {
	t.Helper()
	command(t, source, nil, "go", "mod", "download")
	s := httptest.NewServer(http.FileServer(http.Dir(filepath.Join(command(t, source, nil, "go", "env", "GOMODCACHE"), "cache", "download"))))
	t.Cleanup(s.Close)
	return s.URL
}

// onsaleOf returns the SHA-256 of the binary in an image.
func onsaleOf(t *testing.T, e *dockertest.Engine, image string) string {
	t.Helper()
	for header, content := range entries(t, e, image) {
		if header.Name == "onsale" {
			return sum(t, content)
		}
	}
	t.Fatal("the image has no /onsale")
	return ""
}

// onsaleIn returns the SHA-256 of the binary in the one archive of a directory.
func onsaleIn(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.tar.gz"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s has the archives %q, %v, want one", dir, found, err)
	}
	f, err := os.Open(found[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	compressed, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(compressed); ; {
		header, err := r.Next()
		if err != nil {
			t.Fatalf("%s has no onsale: %v", found[0], err)
		}
		if filepath.Base(header.Name) == "onsale" {
			return sum(t, r)
		}
	}
}

// archives returns the SHA-256 of the archives, and of their list, in a clone's dist.
func archives(t *testing.T, dir string) map[string]string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "dist", "*"))
	if err != nil || len(found) != 2 {
		t.Fatalf("dist has %q, %v, want an archive and SHA256SUMS", found, err)
	}
	all := make(map[string]string)
	for _, name := range found {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(name)] = sum(t, bytes.NewReader(content))
	}
	return all
}

func sum(t *testing.T, r io.Reader) string {
	t.Helper()
	hash := sha256.New()
	if _, err := io.Copy(hash, r); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}
