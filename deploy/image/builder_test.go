//go:build world && linux

package image_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"onsale/internal/dockertest"
)

// machines has the processors by Go's names for them.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// program is what one compares of a binary.
type program struct {
	sha256  string
	machine elf.Machine
}

func programOf(t *testing.T, r io.Reader) program {
	t.Helper()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	header, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatalf("onsale is not a program: %v", err)
	}
	return program{sum(t, bytes.NewReader(content)), header.Machine}
}

// classic builds the image from a clone by the classic builder.
func classic(t *testing.T, e *dockertest.Engine, clone, image string, args map[string]string) {
	t.Helper()
	// BuildKit sets it by itself.
	build := []string{"build", "--network", "host", "--tag", image, "--build-arg", "BUILDPLATFORM=linux/" + runtime.GOARCH}
	for name, value := range args {
		build = append(build, "--build-arg", name+"="+value)
	}
	if out, err := e.Command(t.Context(), append(build, clone)...).CombinedOutput(); err != nil {
		t.Fatalf("build from the source: %v\n%s", err, out)
	}
	e.Remove(t, "image", image)
}

// buildKit builds the image from a clone by the BuildKit inside the engine, over the engine's API: the docker
// command needs a plugin for it.
func buildKit(t *testing.T, e *dockertest.Engine, clone, image, platform string, args map[string]string) {
	t.Helper()
	dir := t.TempDir()
	archive := filepath.Join(dir, "context.tar")
	command(t, clone, nil, "git", "archive", "--output", archive, "HEAD")
	// .dockerignore is for directories, not for archives.
	command(t, clone, nil, "tar", "--delete", "--file", archive, "deploy/image/data/.gitkeep")
	files := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer files.Close()
	values, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	query := url.Values{
		"version": {"2"}, "remote": {files.URL + "/context.tar"}, "platform": {platform},
		"t": {image}, "networkmode": {"host"}, "buildargs": {string(values)},
	}
	ctx := t.Context()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://docker/build?"+query.Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	socket := strings.TrimPrefix(e.Docker(t, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"), "unix://")
	engine := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	defer engine.CloseIdleConnections()
	answer, err := engine.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body) // as far as there is any
		t.Fatalf("BuildKit: %s\n%s", answer.Status, text)
	}
	if log, err := follow(answer.Body); err != nil {
		t.Fatalf("build for %s by BuildKit: %v\n%s", platform, err, log)
	}
	e.Remove(t, "image", image)
}

// follow reads the messages of a build. It returns the end of what the build's commands wrote, and an error unless
// the build made an image.
func follow(r io.Reader) (log []byte, err error) {
	made := false
	for decoder := json.NewDecoder(r); ; {
		var message struct {
			ID, Error string
			Aux       json.RawMessage
		}
		if err := decoder.Decode(&message); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return log, err
		}
		switch {
		case message.Error != "":
			return log, errors.New(message.Error)
		case message.ID == "moby.image.id":
			made = true
		case message.ID == "moby.buildkit.trace":
			var trace []byte // a message of Protocol Buffers, which contains the text unchanged
			if err := json.Unmarshal(message.Aux, &trace); err != nil {
				return log, fmt.Errorf("decode a trace: %w", err)
			}
			log = append(log, trace...)
			log = log[max(0, len(log)-4000):]
		}
	}
	if !made {
		return log, errors.New("the build ended without an image")
	}
	return log, nil
}
