package endpoint_test

import (
	"net/url"
	"strings"
	"testing"

	"onsale/internal/endpoint"
)

// secretURLs are the ways to write a user "uSER1" or a password, or part of one,
// "hUNTER2" into a URL, well-formed or not.
func secretURLs() []string {
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

func leaks(s string) bool {
	s = strings.ToLower(s)
	return strings.Contains(s, "user1") || strings.Contains(s, "hunter2") || strings.Contains(s, "hun") || strings.Contains(s, "ter2")
}

func TestShownHidesUsersPasswordsAndQueries(t *testing.T) {
	t.Parallel()
	for _, text := range secretURLs() {
		if shown := endpoint.Shown(text); leaks(shown) {
			t.Errorf("%q is shown as %q", text, shown)
		}
		if _, err := url.Parse(text); err != nil {
			if reason := endpoint.Reason(err); leaks(reason) || reason == "" {
				t.Errorf("%q is refused with %q", text, reason)
			}
		}
	}
}

func TestShownLeavesTheRest(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://127.0.0.1:8000":                 "http://127.0.0.1:8000",
		"https://onsale.example.com/a/b":        "https://onsale.example.com/a/b",
		"api:8000":                              "api:8000",
		"http://[::1]:8000/":                    "http://[::1]:8000/",
		"http://[fe80::1%25eth0]:80/metrics":    "http://[fe80::1%25eth0]:80/metrics",
		"my_api":                                "my_api",
		"ftp://example.com":                     "ftp://example.com",
		"http://u:p@example.com/metrics":        "http://***@example.com/metrics",
		"http://example.com:80/metrics?token=1": "http://example.com:80/metrics?***",
		"http://example.com:99999":              "http://example.com:99999",
		"http://example.com:999999":             "http://***",
		"":                                      "***",
		"http://":                               "http://***",
		"postgres://u:p@db.example.com/onsale?a=b@c": "postgres://***",
	} {
		if shown := endpoint.Shown(text); shown != want {
			t.Errorf("%q is shown as %q, want %q", text, shown, want)
		}
	}
}

func TestCleanFindsURLsInMessages(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`Get "http://h:1/metrics?token=hUNTER2": dial tcp 127.0.0.1:1: connection refused`: `Get "http://h:1/metrics?***": dial tcp 127.0.0.1:1: connection refused`,
		`parse "http://uSER1:hUNTER2": invalid port ":hUNTER2" after host`:                 `parse "http://***": invalid port after host`,
		"could not reach (https://uSER1:hUNTER2@h/p).":                                     "could not reach (https://***@h/p).",
		"address uSER1:hUNTER2@h:9090 is down":                                             "address ***@h:9090 is down",
		"/probe?target=hUNTER2&x=y":                                                        "/probe?***",
		"see http://[::1]":                                                                 "see http://[::1]",
		"see http://u@[::1]:80, and https://a/b.":                                          "see http://***@[::1]:80, and https://a/b.",
		"at 10:30, mail ops@example.com: is it up? yes":                                    "at 10:30, mail ops@example.com: is it up? yes",
		`rate(http_requests_total{status=~"4..|5.."}[1m]) > 2`:                             `rate(http_requests_total{status=~"4..|5.."}[1m]) > 2`,
	} {
		if got := endpoint.Clean(text); got != want {
			t.Errorf("%q becomes\n%q, want\n%q", text, got, want)
		}
	}
}

// FuzzShown: whatever surrounds it, a password before an @, or behind a question
// mark, is never shown.
func FuzzShown(f *testing.F) {
	for _, text := range secretURLs() {
		before, after, _ := strings.Cut(text, "hUNTER2")
		f.Add(before, after)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "\U0001F511"
		text := before + secret + after
		if !strings.Contains(after, "@") && !strings.ContainsAny(before, "?#") {
			return // it is no secret there
		}
		if shown := endpoint.Shown(text); strings.Contains(shown, secret) {
			t.Errorf("%q is shown as %q", text, shown)
		}
	})
}
