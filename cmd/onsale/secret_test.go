package main

import (
	"bytes"
	"strings"
	"testing"

	"onsale/internal/endpoint/endpointtest"
)

// TestNoErrorShowsAPasswordOfAURL that was given where something else is expected.
func TestNoErrorShowsAPasswordOfAURL(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{
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
			args := append([]string{"--log-level=error"}, command...)
			args[len(args)-1] += "=" + url
			if !strings.HasPrefix(command[len(command)-1], "--") {
				args = append(append([]string{"--log-level=error"}, command...), url)
			}
			var out, said bytes.Buffer
			none := func(string) (string, bool) { return "", false }
			code := run(t.Context(), args, none, strings.NewReader(""), &out, &said)
			if code == exitOK || said.Len() == 0 {
				t.Errorf("%q: code %d, %q: it is not refused, so that nothing is tested", args, code, said.String())
			}
			if text := out.String() + said.String(); endpointtest.Leaks(text) {
				t.Errorf("%q is answered with %q", args, text)
			}
		}
	}
}
