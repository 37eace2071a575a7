package kubernetes_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// fakeKubectl answers what scripts/class.sh asks, and keeps namespaces ("NAME PHASE CLASS" a line) and what was
// applied in the directory $CLUSTER.
const fakeKubectl = `#!/usr/bin/env bash
set -euo pipefail
cd "$CLUSTER"
printf '%s\n' "$*" >>calls
namespace=
if [ "$1" = --namespace ]; then namespace=$2; shift 2; fi
case "$*" in
"get namespaces --output "*) cat namespaces ;;
"get namespaces --selector onsale-class="*) grep " ${4#onsale-class=}$" namespaces ;;
"kustomize "*) cat template ;;
"config current-context") echo test-context ;;
"config view --minify --raw "*) echo '{"certificate-authority-data":"Q0E=","server":"https://cluster.test:6443"}' ;;
"config view --minify "*) echo https://cluster.test:6443 ;;
"apply --filename -")
	cat >applied.new
	name=$(sed -n 's/^  name: //p' applied.new | head -n 1)
	class=$(sed -n 's/^    onsale-class: //p' applied.new)
	mv applied.new "applied.$name"
	grep -q "^$name " namespaces || echo "$name Active $class" >>namespaces
	;;
"create token student --duration 12h "*) echo "token-of-$namespace 2026-11-29T00:00:00Z" ;;
"rollout status deployment/onsale "*) [ ! -e "broken.$namespace" ] ;;
"delete namespace --timeout 15m -- "*)
	shift 5
	for name in "$@"; do
		sed "/^$name /d" namespaces >namespaces.new
		mv namespaces.new namespaces
	done
	;;
*) echo "the fake kubectl does not know: $*" >&2; exit 64 ;;
esac
`

// school is a cluster that exists in files alone, and what scripts/class.sh does to it.
type school struct {
	t        *testing.T
	cluster  string // what the fake kubectl keeps
	output   string // the kubeconfigs
	template string
}

// newSchool returns a cluster with some namespaces, a line each: NAME PHASE CLASS.
func newSchool(t *testing.T, namespaces string) *school {
	t.Helper()
	s := &school{t: t, cluster: t.TempDir(), output: filepath.Join(t.TempDir(), "kubeconfigs"), template: classTemplate(t)}
	s.write("namespaces", namespaces)
	s.write("template", s.template)
	s.write("kubectl", fakeKubectl)
	if err := os.Chmod(filepath.Join(s.cluster, "kubectl"), 0o700); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *school) write(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.cluster, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// read returns a file of the cluster, or nothing if there is none.
func (s *school) read(name string) string {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(s.cluster, name))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return string(content)
}

// run runs the script without a terminal, and checks its exit code.
func (s *school) run(want int, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "bash", append([]string{"../../scripts/class.sh", "--output", s.output}, args...)...)
	cmd.Env = append(os.Environ(), "CLUSTER="+s.cluster, "PATH="+s.cluster+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != want {
		s.t.Fatalf("%v ends with exit code %d (%v), want %d:\n%s", args, got, err, want, out)
	}
	return string(out)
}

// changed reports whether kubectl was asked to change anything.
func (s *school) changed() bool {
	return strings.Contains(s.read("calls"), "apply") || strings.Contains(s.read("calls"), "create") || strings.Contains(s.read("calls"), "delete")
}

// Each student gets the namespace and a kubeconfig; a second run adds what is missing.
func TestClassIsMade(t *testing.T) {
	t.Parallel()
	s := newSchool(t, "default Active\nkube-system Active\n")
	out := s.run(0, "create", "3")
	if !strings.Contains(out, "test-context") || !strings.Contains(out, "3/3 class-03") || !strings.Contains(out, "All 3 are ready") {
		t.Errorf("the output does not say what was done:\n%s", out)
	}
	for _, name := range []string{"class-01", "class-02", "class-03"} {
		want := strings.NewReplacer("STUDENT_NAMESPACE", name, "CLASS_NAME", "class").Replace(s.template)
		if strings.TrimSpace(s.read("applied."+name)) != strings.TrimSpace(want) {
			t.Errorf("for %s was applied:\n%s", name, s.read("applied."+name))
		}
		s.checkKubeconfig(name)
	}
	s.run(0, "create", "4")
	if strings.Count(s.read("namespaces"), "class-0") != 4 || s.read("applied.class-04") == "" {
		t.Errorf("the second run did not add one to the existing namespaces:\n%s", s.read("calls"))
	}
}

// checkKubeconfig checks that the kubeconfig of a namespace has the student's token and nothing of the teacher's.
func (s *school) checkKubeconfig(name string) {
	s.t.Helper()
	path := filepath.Join(s.output, name+".kubeconfig")
	content, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	var config struct {
		Clusters []struct {
			Cluster map[string]string `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User map[string]string `json:"user"`
		} `json:"users"`
		Contexts []struct {
			Context map[string]string `json:"context"`
		} `json:"contexts"`
	}
	if err := yaml.Unmarshal(content, &config); err != nil {
		s.t.Fatal(err)
	}
	if config.Clusters[0].Cluster["server"] != "https://cluster.test:6443" || len(config.Users) != 1 ||
		config.Users[0].User["token"] != "token-of-"+name || config.Contexts[0].Context["namespace"] != name {
		s.t.Errorf("the kubeconfig of %s is:\n%s", name, content)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		s.t.Errorf("%s can be read by others: %v", path, err)
	}
}

// A wrong list of names is refused with each name, and changes nothing.
func TestWrongStudentsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSchool(t, "class-02 Active\nclass-taken Active other\nclass-old Terminating class\n")
	for name, c := range map[string]struct {
		students string // a file's content, or else the argument
		file     bool
		want     []string
	}{
		"upper case":      {"ada\nBob\n", true, []string{":2: Bob: a name may have lower-case letters"}},
		"several":         {"ada_l\n-x\nx-\nä\na b\n../x\n$(id)\n", true, []string{":1: ada_l", ":2: -x", ":3: x-", ":4: ", ":5: a\\ b", ":6: ../x", ":7: ", "7 wrong names"}},
		"twice":           {"ada\nbob\nada", true, []string{":3: ada: the name appears twice"}},
		"too long":        {strings.Repeat("a", 58), true, []string{"may have 57 characters, and has 58"}},
		"no name":         {"\n# nobody\n", true, []string{"contains no names"}},
		"too many names":  {manyNames(201), true, []string{"has 201 names; the maximum is 200"}},
		"another program": {"\xff\xfea\x00d\x00a\x00", true, []string{"a name may have"}},
		"none":            {"0", false, []string{"must be 1 to 200, not 0"}},
		"too many":        {"201", false, []string{"must be 1 to 200"}},
		"huge":            {"99999999999999999999", false, []string{"must be 1 to 200"}},
		"no file":         {"3O", false, []string{"no file 3O"}},
		"a directory":     {".", false, []string{"no file . to read"}},
		"not the class's": {"3", false, []string{"class-02 exists, but does not belong to the class class"}},
		"another class's": {"taken", true, []string{"class-taken exists, but does not belong to the class class"}},
		"being deleted":   {"old", true, []string{"class-old is being deleted"}},
		"a flag":          {"--all", false, []string{"unknown flag --all"}},
	} {
		students := c.students
		if c.file {
			students = s.write("students", c.students)
		}
		out := s.run(2, "create", students)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s: want %q, got:\n%s", name, want, out)
			}
		}
		if s.changed() {
			t.Fatalf("%s: something was changed:\n%s", name, s.read("calls"))
		}
	}
	for _, flags := range [][]string{{"--class", "Class"}, {"--class="}, {"--class", strings.Repeat("a", 31)}, {"--valid", "2 days"}, {"--valid"}} {
		s.run(2, append([]string{"create", "1"}, flags...)...)
	}
	s.run(2)
	s.run(2, "create")
	s.run(2, "create", "1", "2")
	s.run(2, "remove", "1")
	if s.changed() {
		t.Error("wrong use changed something")
	}
}

func manyNames(n int) string {
	var all strings.Builder
	for i := range n {
		all.WriteString("s" + strings.Repeat("x", i%50) + string(rune('a'+i/50)) + "\n")
	}
	return all.String()
}

// A file may come from Windows, have comments and no line break at its end.
func TestNamesAreRead(t *testing.T) {
	t.Parallel()
	s := newSchool(t, "")
	s.run(0, "--class=go-course", "create", s.write("students", "\ufeffada\r\n\r\n  bob  # sits at the window\r\n007\r\n"+strings.Repeat("z", 53)))
	got := strings.Fields(s.read("namespaces"))
	for _, want := range []string{"go-course-ada", "go-course-bob", "go-course-007", "go-course-" + strings.Repeat("z", 53)} {
		if !slices.Contains(got, want) {
			t.Errorf("there is no %s: %v", want, got)
		}
	}
	if strings.Count(s.read("namespaces"), "Active go-course\n") != 4 {
		t.Errorf("the namespaces are %v", got)
	}
}

// A namespace without the class's label is never deleted, and nothing is without a yes.
func TestClassIsDeleted(t *testing.T) {
	t.Parallel()
	others := "class-99 Active\nclass-98 Active other\nkube-system Active\n"
	s := newSchool(t, others)
	s.run(0, "create", "4")
	if out := s.run(2, "delete"); !strings.Contains(out, "class-04") || !strings.Contains(out, "--yes") || strings.Contains(s.read("calls"), "delete") {
		t.Errorf("it was not asked before deleting:\n%s", out)
	}
	s.run(2, "delete", "--yes", s.write("students", "99"+"\n"))
	s.run(2, "delete", "--yes", s.write("students", "s\n98\n01\n"))
	if strings.Contains(s.read("calls"), "delete") {
		t.Fatal("something was deleted although a namespace belongs to others")
	}
	if out := s.run(0, "delete", "--yes", s.write("students", "04\n05x\n")); !strings.Contains(out, "class-05x does not exist") {
		t.Errorf("a student who is not there is not named:\n%s", out)
	}
	if got := s.read("namespaces"); strings.Contains(got, "class-04") || !strings.Contains(got, "class-03") {
		t.Errorf("one student was to be deleted, and there are:\n%s", got)
	}
	if out := s.run(0, "list"); !strings.Contains(out, "class-01") || strings.Contains(out, "class-99") {
		t.Errorf("the list is:\n%s", out)
	}
	s.run(0, "delete", "--yes")
	if got := s.read("namespaces"); got != others {
		t.Errorf("what is left is:\n%s\nwant:\n%s", got, others)
	}
	if left, err := filepath.Glob(filepath.Join(s.output, "*")); err != nil || len(left) > 0 {
		t.Errorf("kubeconfigs are left: %v %v", left, err)
	}
	if out := s.run(0, "delete", "--yes"); !strings.Contains(out, "no namespace to delete") {
		t.Errorf("deleting nothing says:\n%s", out)
	}
}

// A student whose Onsale does not get ready is named, and the others get theirs.
func TestAStudentThatIsNotReadyIsNamed(t *testing.T) {
	t.Parallel()
	s := newSchool(t, "")
	s.write("broken.class-02", "")
	out := s.run(1, "create", "3")
	if !strings.Contains(out, "class-02 is not ready") || !strings.Contains(out, "1 of 3") || strings.Contains(out, "class-03 is not ready") {
		t.Errorf("the output is:\n%s", out)
	}
	s.checkKubeconfig("class-03")
}
