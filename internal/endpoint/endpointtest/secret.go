package endpointtest

import (
	"strings"
	"testing"
)

// SecretURLs returns URLs, most of them malformed, with the user "uSER1", the password
// "hUNTER2", or a query with that password. No output may contain either; [Leaks] checks that.
func SecretURLs() []string {
	return []string{
		"http://uSER1:hUNTER2@host", "http://uSER1:hUNTER2@host:8000/metrics", "https://uSER1@host", "HTTP://uSER1:hUNTER2@host",
		"http://uSER1:p@hUNTER2@host", "http://uSER1:hUNTER2@host:badport", "http://uSER1:hUNTER2@", "http://uSER1:hUNTER2",
		"//uSER1:hUNTER2@host", "uSER1:hUNTER2@host", "uSER1:hUNTER2", "uSER1:hUNTER2@host:8000", ":hUNTER2@host",
		"http:uSER1:hUNTER2@host", "http:/uSER1:hUNTER2@host", "http:///uSER1:hUNTER2@host", "http//uSER1:hUNTER2@host",
		`http:\\uSER1:hUNTER2@host`, "http://uSER1:a/hUNTER2@host", "http://uSER1:a?hUNTER2@host", "http://uSER1:a#hUNTER2@host",
		"http://uSER1:a?hUNTER2", "http://uSER1:a#hUNTER2", "http://uSER1:hUNTER2%40host", "http://uSER1%3AhUNTER2%40host",
		"http://uSER1:hUNTER2%zz@host", "http://uSER1:hUN TER2@host", "http://uSER1:hUNTER2@ho st", "http://uSER1:hUNTER2@host\n",
		" http://uSER1:hUNTER2@host", "http://uSER1:hUNTER2@[::1", "http://[hUNTER2]", "http://[::1]:hUNTER2", "://uSER1:hUNTER2@host",
		"uSER1://hUNTER2@host", "uSER1:hUNTER2://x@host", "uSER1:hUNTER2://x", "http://h://uSER1:hUNTER2@host", "htt p://uSER1:hUNTER2@host",
		"http://host?token=hUNTER2", "http://host/metrics?hUNTER2", "http://host#hUNTER2", "http://host/?a=b@hUNTER2", "host?hUNTER2",
		"http://host:80?x=1&k=hUNTER2#hUNTER2", "//host?token=hUNTER2", "postgres://uSER1:hUNTER2@host/db?password=hUNTER2",
	}
}

// Leaks reports whether a text contains the user or the password of [SecretURLs], or a part of them.
func Leaks(text string) bool {
	text = strings.ToLower(text)
	for _, part := range []string{"user1", "hun", "ter2"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// KeepSecrets calls try with each of [SecretURLs]. Neither its output nor its error may leak a
// secret, and at least one URL must be rejected: otherwise the test proves nothing.
func KeepSecrets(tb testing.TB, try func(url string) (output string, err error)) {
	tb.Helper()
	rejected := 0
	for _, url := range SecretURLs() {
		output, err := try(url)
		if err != nil {
			rejected++
			output += err.Error()
		}
		if Leaks(output) {
			tb.Errorf("%q leaks:\n%s", url, output)
		}
	}
	if rejected == 0 {
		tb.Error("nothing was rejected")
	}
}
