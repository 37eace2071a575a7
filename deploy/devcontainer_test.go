package deploy_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// devContainer is what the dev container says.
type devContainer struct {
	Name, Image       string
	Features          map[string]map[string]any
	PostCreateCommand string
	ForwardPorts      []int
	PortsAttributes   map[string]struct{ Label, OnAutoForward string }
}

// pinned matches the name of an image or feature with its whole version.
var pinned = regexp.MustCompile(`^(?:ghcr\.io|mcr\.microsoft\.com)/devcontainers/(?:features/)?([a-z-]+):\d+\.\d+\.\d+(?:-[a-z]+)?$`)

// TestDevContainer checks what can be checked without building the container.
func TestDevContainer(t *testing.T) {
	t.Parallel()
	text := string(readFile(t, ".devcontainer/devcontainer.json"))
	// The comments are lines of their own, which keeps this test simple.
	text = regexp.MustCompile(`(?m)^\s*//.*$`).ReplaceAllString(text, "")
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	var d devContainer
	if err := decoder.Decode(&d); err != nil {
		t.Fatal(err)
	}
	if !pinned.MatchString(d.Image) {
		t.Errorf("image %s, want one with a whole version", d.Image)
	}
	versions := map[string]string{}
	for name, options := range d.Features {
		match := pinned.FindStringSubmatch(name)
		if match == nil {
			t.Errorf("feature %s, want one with a whole version", name)
			continue
		}
		version, _ := options["version"].(string)
		versions[match[1]] = version
		for option, value := range options {
			if value == "latest" || value == "lts" {
				t.Errorf("%s: the option %s is %v, want a version", name, option, value)
			}
		}
	}
	for _, feature := range []string{"go", "node", "python", "kubectl-helm-minikube", "docker-in-docker"} {
		if _, ok := versions[feature]; !ok {
			t.Errorf("the feature %s is missing", feature)
		}
	}
	for _, v := range []struct{ what, got, file, pattern string }{
		{"Go", versions["go"], "go.mod", `(?m)^go (\S+)$`},
		{
			"golangci-lint", option(d, "go", "golangciLintVersion"),
			"tools/golangci-lint/go.mod", `github.com/golangci/golangci-lint/v2 v(\S+)`,
		},
	} {
		match := regexp.MustCompile(v.pattern).FindSubmatch(readFile(t, v.file))
		if len(match) != 2 || v.got != string(match[1]) {
			t.Errorf("%s %s, want that of %s: %q", v.what, v.got, v.file, match)
		}
	}
	if locust := option(d, "python", "toolsToInstall"); !regexp.MustCompile(`^locust==\d+\.\d+\.\d+$`).MatchString(locust) {
		t.Errorf("Python tools %q, want locust with its version", locust)
	}
	if d.PostCreateCommand != "sudo make deps" {
		t.Errorf("post-create command %q", d.PostCreateCommand)
	}
	if !slices.Contains(d.ForwardPorts, 8000) {
		t.Errorf("ports %v, want 8000 among them", d.ForwardPorts)
	}
}

// option returns an option of a feature.
func option(d devContainer, feature, name string) string {
	for ref, options := range d.Features {
		if match := pinned.FindStringSubmatch(ref); len(match) == 2 && match[1] == feature {
			value, _ := options[name].(string)
			return value
		}
	}
	return ""
}
