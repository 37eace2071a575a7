package deploy_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	commit    = "0123456789abcdef0123456789abcdef01234567"
	digest    = "sha256:00000000000000000000000000000000000000000000000000000000000000d0"
	workflowI = "https://github.com/me/onsale/.github/workflows/publish.yml@refs/heads/main"
)

// script runs one of scripts/ with variables, and returns all that it wrote.
func script(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Fatal("the scripts need bash")
	}
	cmd := exec.CommandContext(t.Context(), "bash", append([]string{filepath.Join(root, "scripts", name)}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestImageTags(t *testing.T) {
	t.Parallel()
	github := func(image, kind, name, sha string) []string {
		return []string{"IMAGE=" + image, "GITHUB_REF_TYPE=" + kind, "GITHUB_REF_NAME=" + name, "GITHUB_SHA=" + sha}
	}
	for name, c := range map[string]struct {
		env  []string
		want string // the tags
	}{
		"main":     {github("me/onsale", "branch", "main", commit), "me/onsale:latest\nme/onsale:0123456\n"},
		"a tag":    {github("me/onsale", "tag", "v1.2.3", commit), "me/onsale:v1.2.3\nme/onsale:0123456\n"},
		"a try":    {github("my-team/on.sale", "tag", "v1.2.3-rc.1", commit), "my-team/on.sale:v1.2.3-rc.1\nmy-team/on.sale:0123456\n"},
		"a branch": {github("me/onsale", "branch", "mine", commit), ""},
		// GitHub calls it 12/merge.
		"a pull request":       {github("me/onsale", "branch", "12/merge", commit), ""},
		"a tag like a branch":  {github("me/onsale", "tag", "main", commit), ""},
		"a tag that cannot be": {github("me/onsale", "tag", "v1.2.3+a", commit), ""},
		"no account":           {github("/onsale", "branch", "main", commit), ""},
		"capital letters":      {github("Me/onsale", "branch", "main", commit), ""},
		"a tag already":        {github("me/onsale:x", "branch", "main", commit), ""},
		"a second line":        {github("me/onsale\nx=y", "branch", "main", commit), ""},
		"a short hash":         {github("me/onsale", "branch", "main", commit[:7]), ""},
		"nothing":              {github("", "", "", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := script(t, c.env, "image-tags.sh")
			if c.want == "" {
				if err == nil || !strings.HasPrefix(out, "image-tags: ") {
					t.Errorf("%v, %q, want an error", err, out)
				}
				return
			}
			_, tags, _ := strings.Cut(out, "tags<<TAGS\n")
			tags, _, _ = strings.Cut(tags, "TAGS\n")
			if err != nil || tags != c.want {
				t.Errorf("%v, tags %q, want %q", err, tags, c.want)
			}
			for _, output := range []string{"version=", "date=2", "commit=" + commit + "\n", "image="} {
				if !strings.Contains(out, "\n"+output) && !strings.HasPrefix(out, output) {
					t.Errorf("no %q in %q", output, out)
				}
			}
		})
	}
}

// index is what a registry has under a digest after BuildKit has pushed two platforms with attestations.
const index = `{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[
 {"digest":"sha256:a1","platform":{"architecture":"amd64","os":"linux"}},
 {"digest":"sha256:a2","platform":{"architecture":"arm64","os":"linux"}},
 {"digest":"sha256:b1","platform":{"architecture":"unknown","os":"unknown"},
  "annotations":{"vnd.docker.reference.digest":"sha256:a1","vnd.docker.reference.type":"attestation-manifest"}},
 {"digest":"sha256:b2","platform":{"architecture":"unknown","os":"unknown"},
  "annotations":{"vnd.docker.reference.digest":"sha256:a2","vnd.docker.reference.type":"attestation-manifest"}}]}`

// attestations is what it has under sha256:b1 and sha256:b2.
const attestations = `{"layers":[
 {"annotations":{"in-toto.io/predicate-type":"https://spdx.dev/Document"}},
 {"annotations":{"in-toto.io/predicate-type":"https://slsa.dev/provenance/v1"}}]}`

// TestImageCheck puts commands in the place of docker and cosign, which answer for a registry.
func TestImageCheck(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Fatal("no jq found: run `make deps`")
	}
	for name, c := range map[string]struct {
		reference, index, attestations, identity string
		want                                     string // empty if all is well
	}{
		"complete":         {"me/onsale@" + digest, index, attestations, workflowI, ""},
		"no digest":        {"me/onsale:latest", index, attestations, workflowI, "want a name with a digest"},
		"another signer":   {"me/onsale@" + digest, index, attestations, "https://github.com/you/onsale", "no matching signatures"},
		"one platform":     {"me/onsale@" + digest, strings.Replace(index, "arm64", "arm", 1), attestations, workflowI, "no image for linux/arm64"},
		"no attestation":   {"me/onsale@" + digest, strings.Replace(index, `"vnd.docker.reference.digest":"sha256:a2"`, `"x":"y"`, 1), attestations, workflowI, "linux/arm64 has no attestations"},
		"no SBOM":          {"me/onsale@" + digest, index, strings.Replace(attestations, "spdx.dev", "example.com", 1), workflowI, "linux/amd64 has no SBOM"},
		"no provenance":    {"me/onsale@" + digest, index, strings.Replace(attestations, "slsa.dev", "example.com", 1), workflowI, "linux/amd64 has no provenance"},
		"nothing attested": {"me/onsale@" + digest, index, `{"layers":[]}`, workflowI, "has no SBOM"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bin := t.TempDir()
			command := func(name, text string) {
				if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/usr/bin/env bash\nset -eu\n"+text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			command("cosign", fmt.Sprintf(`[[ "$*" == *"--certificate-identity %s "* ]] || { echo "no matching signatures" >&2; exit 1; }`, workflowI))
			command("docker", fmt.Sprintf("case \"$*\" in\n*@sha256:b?) cat <<'E'\n%s\nE\n;;\n*--raw*) cat <<'E'\n%s\nE\n;;\nrun*) echo onsale v1 ;;\nesac", c.attestations, c.index))
			out, err := script(t, []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "IDENTITY=" + c.identity}, "image-check.sh", c.reference)
			switch {
			case c.want == "" && (err != nil || !bytes.Contains([]byte(out), []byte("linux/arm64: sha256:a2, with SBOM and provenance\n"))):
				t.Errorf("%v, %s", err, out)
			case c.want != "" && (err == nil || !strings.Contains(out, c.want)):
				t.Errorf("%v, %q, want an error with %q", err, out, c.want)
			}
		})
	}
}
