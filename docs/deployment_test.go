package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDrawingsHaveAllParts: the drawings of docs/deployment.md show what the Compose file and the
// Kubernetes manifests run.
func TestDrawingsHaveAllParts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("deployment.md")
	if err != nil {
		t.Fatal(err)
	}
	drawings := map[string]string{}
	for _, found := range regexp.MustCompile("(?s)\n## ([^\n]+)\n[^`]*(?:`[^`\n]+`[^`]*)*```mermaid\n(.*?)\n```").FindAllSubmatch(text, -1) {
		drawings[string(found[1])] = strings.ToLower(string(found[2]))
	}
	if len(drawings) != 4 {
		t.Fatalf("%d drawings were found, want four", len(drawings))
	}
	for title, files := range map[string][]string{
		"Compose":    {"../deploy/compose/compose.yaml"},
		"Kubernetes": {"../deploy/kubernetes/base/*.yaml", "../deploy/kubernetes/overlays/local/*.yaml", "../deploy/kubernetes/components/stress/*.yaml"},
	} {
		parts := partsOf(t, files)
		if len(parts) < 6 {
			t.Errorf("%s: only %v were found", title, parts)
		}
		for part := range parts {
			if part == "onsale" {
				part = "api" // as the drawings call it
			}
			if !strings.Contains(drawings[title], part) {
				t.Errorf("the drawing of %s does not show %s", title, part)
			}
		}
	}
}

// partsOf returns the services of Compose files, and the workloads of Kubernetes manifests.
func partsOf(t *testing.T, patterns []string) map[string]bool {
	t.Helper()
	service := regexp.MustCompile(`(?m)^  (\w+):\n`)
	workload := regexp.MustCompile(`(?m)^kind: (?:Deployment|StatefulSet|Job)\nmetadata:\n  name: (\S+)$`)
	parts := map[string]bool{}
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			find, section := workload, string(text)
			if _, services, ok := strings.Cut(section, "\nservices:\n"); ok {
				section, _, _ = strings.Cut(services, "\nvolumes:\n")
				find = service
			}
			for _, found := range find.FindAllStringSubmatch(section, -1) {
				parts[found[1]] = true
			}
		}
	}
	return parts
}
