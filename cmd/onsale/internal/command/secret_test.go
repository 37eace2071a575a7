package command_test

import (
	"strings"
	"testing"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/endpoint/endpointtest"
)

// TestSecretsAsPeopleHaveThem reads secrets with what a Kubernetes Secret made with echo, an
// editor or a web page adds around them. Several lines are an error.
func TestSecretsAsPeopleHaveThem(t *testing.T) {
	t.Parallel()
	const plain = "hUNTER2 +/= uSER1"
	for given, want := range map[string]string{
		plain: plain, plain + "\n": plain, plain + "\r\n": plain, " \t" + plain + " ": plain, "\ufeff" + plain: plain,
		"\u200b" + plain + "\u00a0\u2028": plain, plain + "\x00": plain, "": "",
		"hUNTER2\nuSER1": "line break", "hUNTER2\x00uSER1": "control character", "hUNTER2\u0085uSER1": "control character",
		"\r\n": "nothing but white space",
	} {
		e := &command.Env{Lookup: func(name string) (string, bool) { return given, name == "THE_SECRET" }}
		got, err := e.Secret("THE_SECRET")
		switch {
		case err == nil && got != want:
			t.Errorf("%q is read as %q, want %q", given, got, want)
		case err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "THE_SECRET") || endpointtest.Leaks(err.Error())):
			t.Errorf("%q: %v, want the name and %q", given, err, want)
		}
	}
	if value, err := (&command.Env{Lookup: func(string) (string, bool) { return "", false }}).Secret("THE_SECRET"); value != "" || err != nil {
		t.Errorf("a secret that is not set is %q, %v", value, err)
	}
}
