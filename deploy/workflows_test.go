package deploy_test

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// workflow is what matters here of a file in .github/workflows.
type workflow struct {
	On          map[string]any
	Permissions map[string]string
	Concurrency map[string]any
	Jobs        map[string]struct {
		Uses           string
		Secrets        any
		TimeoutMinutes int               `yaml:"timeout-minutes"`
		Permissions    map[string]string // nil if the job states none
		Container      any
		Services       map[string]any
		Steps          []struct {
			Uses, Run, Shell string
			With             map[string]any
		}
	}
}

// mayWrite has the jobs that may write, and what.
var mayWrite = map[string][]string{
	"publish.yml/image":    {"id-token"},
	"publish.yml/archives": {"contents", "id-token"},
}

var (
	pinnedAction = regexp.MustCompile(`^\s*(?:- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	ownAction    = regexp.MustCompile(`^\s*(?:- )?uses: \./[\w./-]+$`)
)

// judge returns a line for each thing in a workflow that endangers anyone who runs it.
func judge(name, text string) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for n, line := range strings.Split(text, "\n") {
		if regexp.MustCompile(`\buses["']?\s*:`).MatchString(line) && !pinnedAction.MatchString(line) && !ownAction.MatchString(line) {
			complain("line %d: %s: want a hash of 40 digits and its version, such as actions/checkout@… # v7.0.1", n+1, strings.TrimSpace(line))
		}
	}
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return append(wrong, err.Error())
	}
	for _, event := range []string{"pull_request_target", "workflow_run", "issue_comment", "issues"} {
		if _, found := w.On[event]; found {
			complain("the event %s runs what strangers write with the repository's rights", event)
		}
	}
	if _, found := w.On["pull_request"]; found && regexp.MustCompile(`\bsecrets\b *[.:[]`).MatchString(text) {
		complain("it runs on pull requests and names secrets")
	}
	if w.Permissions == nil || len(w.Permissions) > 0 {
		complain("permissions of the whole file: want {}, and each job states its own")
	}
	if w.Concurrency["group"] == nil {
		complain("no concurrency group")
	}
	if len(w.Jobs) == 0 {
		complain("no jobs")
	}
	for id, job := range w.Jobs {
		if job.Permissions == nil {
			complain("job %s states no permissions", id)
		}
		for scope, right := range job.Permissions {
			if right != "read" && (right != "write" || !slices.Contains(mayWrite[name+"/"+id], scope)) {
				complain("job %s: %s: %s", id, scope, right)
			}
		}
		if job.Secrets != nil {
			complain("job %s passes on secrets", id)
		}
		if job.Uses == "" && (job.TimeoutMinutes == 0 || job.TimeoutMinutes > 120) {
			complain("job %s may run for hours", id)
		}
		if job.Container != nil || len(job.Services) > 0 {
			complain("job %s has containers of its own: hold their images to a version here first", id)
		}
		for n, step := range job.Steps {
			where := fmt.Sprintf("job %s, step %d", id, n+1)
			if strings.Contains(step.Run, "${{") {
				complain("%s puts an expression into a script: hand it over by env", where)
			}
			if strings.HasPrefix(step.Uses, "actions/checkout@") && step.With["persist-credentials"] != false {
				complain("%s leaves a token in the work tree: persist-credentials: false", where)
			}
			if strings.HasPrefix(step.Uses, "actions/setup-go@") && step.With["go-version-file"] != "go.mod" {
				complain("%s takes another Go than that of go.mod", where)
			}
		}
	}
	return wrong
}

// TestWorkflowsAreSafe judges the pipeline; see docs/pipeline.md.
func TestWorkflowsAreSafe(t *testing.T) {
	t.Parallel()
	files := workflows(t)
	if len(files) < 2 {
		t.Fatalf("found %q: this test looks in the wrong place", slices.Collect(maps.Keys(files)))
	}
	for name, text := range files {
		for _, line := range judge(name, text) {
			t.Errorf("%s: %s", name, line)
		}
	}
}

// workflows returns the text of each workflow, and of each action of this repository, by its base name.
func workflows(t *testing.T) map[string]string {
	t.Helper()
	files := make(map[string]string)
	for _, pattern := range []string{".github/workflows/*.yml", ".github/workflows/*.yaml", ".github/actions/*/*.y*ml"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			relative, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			files[path.Base(filepath.ToSlash(relative))] = string(readFile(t, filepath.ToSlash(relative)))
		}
	}
	return files
}

// TestUnsafeWorkflowsAreFound breaks the workflows one way at a time.
func TestUnsafeWorkflowsAreFound(t *testing.T) {
	t.Parallel()
	files := workflows(t)
	hash := regexp.MustCompile(`@[0-9a-f]{40}`)
	for name, c := range map[string]struct {
		file   string
		change func(text string) string
		want   string
	}{
		"a tag":              {"ci.yml", func(s string) string { return hash.ReplaceAllString(s, "@v7") }, "want a hash"},
		"a short hash":       {"ci.yml", func(s string) string { return hash.ReplaceAllStringFunc(s, func(h string) string { return h[:8] }) }, "want a hash"},
		"no version":         {"ci.yml", func(s string) string { return regexp.MustCompile(` # v7\.\S+`).ReplaceAllString(s, "") }, "want a hash"},
		"a major version":    {"ci.yml", func(s string) string { return strings.ReplaceAll(s, "# v7.0.1", "# v7") }, "want a hash"},
		"another spelling":   {"ci.yml", func(s string) string { return replace(s, "- uses: ", `- "uses": `) }, "want a hash"},
		"an image":           {"ci.yml", func(s string) string { return replace(s, "- run: make vuln", "- uses: docker://alpine:3") }, "want a hash"},
		"a stranger's event": {"ci.yml", func(s string) string { return replace(s, "  pull_request:", "  pull_request_target:") }, "pull_request_target"},
		"a secret": {"ci.yml", func(s string) string {
			return replace(s, "run: make vuln", "run: make vuln\n        env: {T: \"${{ secrets.T }}\"}")
		}, "names secrets"},
		"a secret by its name": {"ci.yml", func(s string) string {
			return replace(s, "run: make vuln", "run: make vuln\n        env: {T: \"${{ secrets['T'] }}\"}")
		}, "names secrets"},
		"all secrets": {"publish.yml", func(s string) string {
			return replace(s, "uses: ./.github/workflows/ci.yml", "uses: ./.github/workflows/ci.yml\n    secrets: inherit")
		}, "passes on secrets"},
		"rights for all":    {"publish.yml", func(s string) string { return replace(s, "permissions: {}", "permissions:\n  contents: write") }, "want {}"},
		"default rights":    {"ci.yml", func(s string) string { return replace(s, "permissions: {}", "") }, "want {}"},
		"a job's default":   {"ci.yml", func(s string) string { return replace(s, "    permissions:\n      contents: read\n", "") }, "states no permissions"},
		"a job that writes": {"ci.yml", func(s string) string { return replace(s, "contents: read", "packages: write") }, "packages: write"},
		"no limit":          {"publish.yml", func(s string) string { return regexp.MustCompile(`timeout-minutes: \d+`).ReplaceAllString(s, "") }, "may run for hours"},
		"an injection": {"publish.yml", func(s string) string {
			return replace(s, `gh release create "$TAG"`, "gh release create ${{ github.ref_name }}")
		}, "hand it over by env"},
		"a token in the tree": {"ci.yml", func(s string) string { return replace(s, "persist-credentials: false", "persist-credentials: true") }, "leaves a token"},
		"a token by default":  {"publish.yml", func(s string) string { return replace(s, "          persist-credentials: false\n", "") }, "leaves a token"},
		"another Go":          {"ci.yml", func(s string) string { return replace(s, "go-version-file: go.mod", "go-version: stable") }, "another Go"},
		"runs side by side":   {"publish.yml", func(s string) string { return replace(s, "concurrency:", "x-concurrency:") }, "no concurrency"},
		"a container":         {"ci.yml", func(s string) string { return replace(s, "    steps:\n", "    container: alpine\n    steps:\n") }, "containers of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := c.change(files[c.file])
			if changed == files[c.file] {
				t.Fatal("the change changes nothing")
			}
			if wrong := strings.Join(judge(c.file, changed), "\n"); !strings.Contains(wrong, c.want) {
				t.Errorf("judged %q, want %q", wrong, c.want)
			}
		})
	}
}

// replace replaces the first place.
func replace(s, from, to string) string { return strings.Replace(s, from, to, 1) }

// TestTheImageIsPublishedOfMainAndTagsAlone: and of nothing whose checks have failed.
func TestTheImageIsPublishedOfMainAndTagsAlone(t *testing.T) {
	t.Parallel()
	var w struct {
		On   map[string]map[string][]string
		Jobs map[string]struct {
			Needs string
			If    string
			Uses  string
		}
	}
	if err := yaml.Unmarshal([]byte(workflows(t)["publish.yml"]), &w); err != nil {
		t.Fatal(err)
	}
	push := w.On["push"]
	if len(w.On) != 1 || !slices.Equal(push["branches"], []string{"main"}) || len(push["tags"]) != 1 || !strings.HasPrefix(push["tags"][0], "v") {
		t.Errorf("it runs on %v, want a push to main and to tags of versions", w.On)
	}
	if uses := w.Jobs["checks"].Uses; uses != "./.github/workflows/ci.yml" {
		t.Errorf("the checks are %q", uses)
	}
	for _, id := range []string{"image", "archives"} {
		if w.Jobs[id].Needs != "checks" {
			t.Errorf("job %s does not wait for the checks", id)
		}
	}
	if w.Jobs["archives"].If != "github.ref_type == 'tag'" {
		t.Errorf("archives are made if %q, want tags alone", w.Jobs["archives"].If)
	}
}
