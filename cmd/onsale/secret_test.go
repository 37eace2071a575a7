package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/endpoint/endpointtest"
)

// TestNoErrorShowsAPasswordOfAURL passes a URL with a password where another value is expected.
func TestNoErrorShowsAPasswordOfAURL(t *testing.T) {
	t.Parallel()
	for _, words := range [][]string{
		{"up", "--admin-token-file"},
		{"up", "--faults"},
		{"up", "--allowed-hosts"},
		{"up", "--retention-time"},
		{"up", "--alertmanager-config"},
		{"serve", "--listen"},
		{"serve", "--max-batch"},
		{"monitor", "--target=http://127.0.0.1:1", "--prometheus-config"},
		{"monitor", "--target=http://127.0.0.1:1", "--bearer-file"},
		{"export", "rules", "--target"},
		{"export", "rules", "--metrics"},
		{"export", "rules", "--severity"},
		{"export", "prometheus", "--alertmanager"},
		{"stress", "--cacert"},
		{"stress", "--ramp"},
		{"stress", "--rate"},
		{"stress", "--run-time"},
		{"stress", "show"},
		{"uP"},
	} {
		for _, url := range []string{
			"http://uSER1:hUNTER2@host:8000/a", "https://host/a?token=hUNTER2", "//uSER1:hUNTER2@host",
		} {
			args := append([]string{"--log-level=error"}, words...)
			args[len(args)-1] += "=" + url
			if !strings.HasPrefix(words[len(words)-1], "--") {
				args = append(append([]string{"--log-level=error"}, words...), url)
			}
			var out, said bytes.Buffer
			none := func(string) (string, bool) { return "", false }
			code := run(t.Context(), args, none, strings.NewReader(""), &out, &said)
			if code == command.ExitOK || said.Len() == 0 {
				t.Errorf("%q: code %d, %q: it is not rejected, so the test proves nothing", args, code, said.String())
			}
			if text := out.String() + said.String(); endpointtest.Leaks(text) {
				t.Errorf("%q is answered with %q", args, text)
			}
		}
	}
}

// TestEverySecretMustBeOneLine passes a secret of two lines to each variable and flag. The
// error names the variable or flag.
func TestEverySecretMustBeOneLine(t *testing.T) {
	t.Parallel()
	const twoLines = "hUNTER2-hUNTER2-hUNTER2\nhUNTER2-hUNTER2"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(twoLines), 0o600); err != nil {
		t.Fatal(err)
	}
	monitor := []string{"monitor", "--target=http://127.0.0.1:1"}
	for _, c := range []struct {
		name    string
		command []string
	}{
		{"DATABASE_URL", []string{"serve"}},
		{"DATABASE_URL", []string{"migrate"}},
		{"ONSALE_ADMIN_TOKEN", []string{"serve"}},
		{"ONSALE_ADMIN_TOKEN", monitor},
		{"ONSALE_ADMIN_TOKEN", []string{"stress"}},
		{"ONSALE_TOKEN_KEY", []string{"up"}},
		{"DISCORD_URL", []string{"up"}},
		{"DISCORD_URL", monitor},
		{"DISCORD_MENTION", monitor},
		{"DISCORD_URL", []string{"receiver"}},
		{"DISCORD_MENTION", []string{"receiver"}},
		{"ONSALE_ADMIN_TOKEN", []string{"receiver"}},
		{"--admin-token-file", []string{"serve", "--admin-token-file=" + file}},
		{"--record", []string{"automate", "--count=1", "--record=postgres://" + twoLines}},
	} {
		environment := map[string]string{c.name: twoLines}
		lookup := func(name string) (value string, set bool) { value, set = environment[name]; return value, set }
		var out, said bytes.Buffer
		args := c.command
		if !slices.Contains([]string{"stress", "automate", "monitor"}, args[0]) {
			args = append(slices.Clone(args), dataDir(t))
		}
		code := run(t.Context(), args, lookup, strings.NewReader(""), &out, &said)
		if code == command.ExitOK || !strings.Contains(said.String(), c.name) || !strings.Contains(said.String(), "line break") {
			t.Errorf("%s of %s: code %d, %q, want an error that names it", c.name, args[0], code, &said)
		}
		if endpointtest.Leaks(out.String() + said.String()) {
			t.Errorf("%s of %s is shown: %s%s", c.name, args[0], &out, &said)
		}
	}
}

// TestAdminTokenWithALineBreak: a line break at the end of the variable is not part of the token.
func TestAdminTokenWithALineBreak(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-this-test"
	p := serve(t, []string{"ONSALE_ADMIN_TOKEN=" + token + "\r\n"}, dataDir(t))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.waitFor(`ready on (http://\S+)`)+"/books", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]int{"Bearer " + token: http.StatusOK, "Bearer other": http.StatusUnauthorized} {
		request.Header.Set("Authorization", value)
		answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", value, answer.StatusCode, want)
		}
	}
}
