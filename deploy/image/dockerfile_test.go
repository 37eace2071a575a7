package image_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// read returns a file of the repository.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestImageBuildsAsMakeDoes holds the Dockerfile to the Makefile's flags, so that the image and the
// archives have one binary.
func TestImageBuildsAsMakeDoes(t *testing.T) {
	t.Parallel()
	flag := regexp.MustCompile(`-(?:trimpath|buildvcs=\w+|s|w)\b|-X \S+`)
	flags := func(name, from string) []string {
		_, text, found := strings.Cut(read(t, name), from)
		if !found {
			t.Fatalf("%s has no %q", name, from)
		}
		text, _, _ = strings.Cut(strings.ReplaceAll(text, "\\\n", " "), "\n")
		text = strings.NewReplacer("$(TELEMETRY)", "onsale/internal/telemetry", "$(", "${", ")", "}", `"`, "").Replace(text)
		return flag.FindAllString(text, -1)
	}
	image, binary := flags("Dockerfile", " go build "), flags("Makefile", "\nBUILD_FLAGS ")
	if !slices.Equal(image, binary) || len(binary) != 7 {
		t.Errorf("the image is built with %q, the binary with %q", image, binary)
	}
	// The linker says nothing about a variable that does not exist.
	variables := read(t, "internal/telemetry/registry.go")
	for _, found := range regexp.MustCompile(`telemetry\.(linked\w+)`).FindAllStringSubmatch(strings.Join(image, " "), -1) {
		if !regexp.MustCompile(`(?m)^var .*\b` + found[1] + `\b`).MatchString(variables) {
			t.Errorf("package telemetry has no variable %s", found[1])
		}
	}
}

// TestImageBuildsWithTheToolchainOfTheModule: another one gives other bytes.
func TestImageBuildsWithTheToolchainOfTheModule(t *testing.T) {
	t.Parallel()
	module := regexp.MustCompile(`(?m)^go (\S+)$`).FindStringSubmatch(read(t, "go.mod"))
	image := regexp.MustCompile(`(?m)^FROM .* golang:([^-\s]+)-\S+ AS build$`).FindStringSubmatch(read(t, "Dockerfile"))
	if module == nil || image == nil || module[1] != image[1] {
		t.Errorf("go.mod has %q, the Dockerfile %q", module, image)
	}
}

// TestContextHasNothingThatIsYours: what git ignores, but for the binary, is not sent to the builder.
func TestContextHasNothingThatIsYours(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(read(t, ".dockerignore")), "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "#") })
	if lines[0] != "*" {
		t.Errorf("the first rule is %q, want * so that only what is listed is sent", lines[0])
	}
	for _, line := range lines[1:] {
		if name, kept := strings.CutPrefix(line, "!"); kept {
			if _, err := os.Stat("../../" + name); err != nil && name != "bin/onsale" {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
}
