package main

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// userDataScript prints user data.
const userDataScript = "../../deploy/aws/user-data.sh"

// maxUserData is the limit of EC2 for user data, in bytes.
const maxUserData = 16 << 10

const (
	archiveURL = "https://github.com/OWNER/onsale/releases/download/v1.0.0/onsale_1.0.0_linux_arm64.tar.gz?a=b&c=%20#x"
	archiveSum = "0000000000000000000000000000000000000000000000000000000000000123"
)

// TestUserData validates the user data with cloud-init, and checks its files and commands.
func TestUserData(t *testing.T) {
	t.Parallel()
	for name, arguments := range map[string][]string{
		"of a release":        {archiveURL, archiveSum},
		"for a copied binary": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := mustRun(t, "bash", append([]string{userDataScript}, arguments...)...)
			if said, ok := checkUserData(t, text); !ok {
				t.Errorf("cloud-init rejects the user data: %s", said)
			}
			if len(text) > maxUserData {
				t.Errorf("the user data has %d bytes, EC2 accepts at most %d", len(text), maxUserData)
			}
			var data struct {
				WriteFiles []struct{ Path, Permissions, Content string } `yaml:"write_files"`
				Runcmd     [][]string
			}
			if err := yaml.Unmarshal([]byte(text), &data); err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			for _, file := range data.WriteFiles {
				files[file.Path+" "+file.Permissions] = file.Content
			}
			if files["/etc/systemd/system/onsale.service 0644"] != vmFile(t, "onsale.service") ||
				files["/usr/local/sbin/onsale-install 0755"] != vmFile(t, "install.sh") || len(files) != 2 {
				t.Errorf("the user data must write the two files unchanged, but writes %q", files)
			}
			want := append([]string{"/usr/local/sbin/onsale-install"}, arguments...)
			if len(data.Runcmd) != 1 || !slices.Equal(data.Runcmd[0], want) {
				t.Errorf("the user data runs %q, want %q", data.Runcmd, want)
			}
		})
	}
	t.Run("control", func(t *testing.T) {
		t.Parallel()
		text := mustRun(t, "bash", userDataScript)
		for from, to := range map[string]string{"permissions:": "permission:", "runcmd:\n": "runcmd: 5\nignored:\n", "#cloud-config\n": "\n"} {
			if said, ok := checkUserData(t, swap(t, text, from, to)); ok {
				t.Errorf("with %q cloud-init reports no error: %s", to, said)
			}
		}
	})
}

// checkUserData returns the output of cloud-init, and whether it accepts the user data.
func checkUserData(t *testing.T, text string) (said string, ok bool) {
	t.Helper()
	return runTool(t, "", "cloud-init", "schema", "--config-file", writeFile(t, "user-data.yaml", text))
}

// TestUserDataRejectsInvalidArguments: the script reports invalid arguments, instead of a
// machine that does not start.
func TestUserDataRejectsInvalidArguments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		arguments []string
		says      string
	}{
		"no hash":         {[]string{archiveURL}, "URL SHA256"},
		"three arguments": {[]string{archiveURL, archiveSum, "x"}, "URL SHA256"},
		"http":            {[]string{"http://example.com/a.tar.gz", archiveSum}, "begin with https://"},
		"a file":          {[]string{"file:///etc/passwd", archiveSum}, "begin with https://"},
		"a quote":         {[]string{`https://example.com/a",b`, archiveSum}, "begin with https://"},
		"a line break":    {[]string{"https://example.com/a\nb", archiveSum}, "begin with https://"},
		"an empty URL":    {[]string{"", archiveSum}, "begin with https://"},
		"a short hash":    {[]string{archiveURL, archiveSum[1:]}, "64 digits"},
		"a long hash":     {[]string{archiveURL, archiveSum + "0"}, "64 digits"},
		"an MD5 hash":     {[]string{archiveURL, "d41d8cd98f00b204e9800998ecf8427e"}, "64 digits"},
		"upper case":      {[]string{archiveURL, strings.Replace(archiveSum, "123", "ABC", 1)}, "64 digits"},
	} {
		said, ok := runTool(t, "", "bash", append([]string{userDataScript}, test.arguments...)...)
		if ok || !strings.Contains(said, test.says) || strings.Contains(said, "#cloud-config") {
			t.Errorf("%s: %t, %s", name, ok, said)
		}
	}
}
