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
	"time"

	"onsale/internal/dockertest"
)

// TestRebuild builds the image from the source for both processors, and the same commit in two other
// directories, and compares the binaries. The classic builder makes the image of this machine's processor, and
// BuildKit the other one by cross-compilation. The toolchain's image is made of this machine's toolchain, under the name
// that the Dockerfile gives it: the test needs no registry. What is not committed is not built, nor what is committed
// after the start.
func TestRebuild(t *testing.T) {
	e := dockertest.Start(t)
	source := clone(t, root)
	toolchain(t, e, source)
	args := map[string]string{"GOPROXY": proxy(t, source)}
	for _, arg := range []string{"VERSION", "COMMIT", "DATE"} {
		args[arg] = command(t, source, nil, "bash", "scripts/version.sh", strings.ToLower(arg))
	}

	native, foreign := runtime.GOARCH, "arm64"
	if native == foreign {
		foreign = "amd64"
	}
	images := map[string]string{native: e.Name(native), foreign: e.Name(foreign)}
	took(t, "the classic builder's image for "+native, func() { classic(t, e, source, images[native], args) })
	took(t, "BuildKit's image for "+foreign, func() { buildKit(t, e, source, images[foreign], "linux/"+foreign, args) })
	inImage := make(map[string]program)
	for arch, image := range images {
		inImage[arch] = onsaleOf(t, e, image)
		if got, want := inImage[arch].machine, machines[arch]; got != want {
			t.Errorf("the image for %s has a binary for %s, want %s", arch, got, want)
		}
		if got := e.Docker(t, "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", image); got != "linux/"+arch {
			t.Errorf("the image for linux/%s says that it is for %s", arch, got)
		}
	}
	image := images[native]
	if want := args["COMMIT"]; !strings.Contains(e.Docker(t, "run", "--rm", image, "version"), want) {
		t.Errorf("onsale version of the image does not name the commit %s", want)
	}

	// Another directory, which has no cache in common with the image.
	other, platform := clone(t, source), "PLATFORMS=linux/"+native
	took(t, "the archive for "+native+" without a cache", func() {
		command(t, other, []string{"GOCACHE=" + t.TempDir()}, "make", "dist", platform)
	})
	if inArchive := onsaleIn(t, other, native); inArchive != inImage[native] {
		t.Errorf("a build in another directory gives %v, and that of the image %v", inArchive, inImage[native])
	}

	// A third directory, with a cache that builds of this commit and others have filled.
	again := clone(t, source)
	took(t, "the archive for "+foreign, func() { command(t, again, nil, "make", "dist", "PLATFORMS=linux/"+foreign) })
	if inArchive := onsaleIn(t, again, foreign); inArchive != inImage[foreign] {
		t.Errorf("a build in another directory gives %v, and that of the image %v", inArchive, inImage[foreign])
	}
	took(t, "the archive for "+native+" with a cache", func() { command(t, again, nil, "make", "dist", platform) })
	for name, one := range archives(t, other) {
		if two := archives(t, again)[name]; one != two {
			t.Errorf("%s is %s, and built again %s", name, one, two)
		}
	}

	// What differs, and must: another version.
	command(t, again, nil, "make", "dist", platform, "VERSION=v0.0.1")
	if onsaleIn(t, again, native) == inImage[native] {
		t.Error("the binary does not depend on the version, so that the comparison shows nothing")
	}

	t.Run("sells, stops and remembers", func(t *testing.T) { testSale(t, e, image) })
	for arch, image := range images {
		t.Run(arch+" holds nothing else", func(t *testing.T) { testContent(t, e, image) })
		t.Run(arch+" is small", func(t *testing.T) { testSize(t, e, image) })
	}
}

// took runs a part of the test and logs how long it took.
func took(t *testing.T, what string, part func()) {
	t.Helper()
	began := time.Now()
	part()
	t.Logf("%s took %s", what, time.Since(began).Round(time.Second))
}

// clone clones the commit that is checked out in a repository, with its tags, and returns the directory.
func clone(t *testing.T, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "onsale")
	command(t, from, nil, "git", "clone", "--quiet", ".", dir)
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

// onsaleOf returns the binary in an image.
func onsaleOf(t *testing.T, e *dockertest.Engine, image string) program {
	t.Helper()
	for header, content := range entries(t, e, image) {
		if header.Name == "onsale" {
			return programOf(t, content)
		}
	}
	t.Fatal("the image has no /onsale")
	return program{}
}

// onsaleIn returns the binary in the archive for a processor in a clone's dist.
func onsaleIn(t *testing.T, clone, arch string) program {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(clone, "dist", "*_linux_"+arch+".tar.gz"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s has the archives %q for %s, %v, want one", clone, found, arch, err)
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
			return programOf(t, r)
		}
	}
}

// archives returns the SHA-256 of the archive, and of their list, in a clone's dist.
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
