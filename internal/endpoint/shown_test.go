package endpoint_test

import (
	"net/url"
	"strings"
	"testing"

	"onsale/internal/endpoint"
	"onsale/internal/endpoint/endpointtest"
)

func TestShownHidesUsersPasswordsAndQueries(t *testing.T) {
	t.Parallel()
	for _, text := range endpointtest.SecretURLs() {
		if shown := endpoint.Shown(text); endpointtest.Leaks(shown) {
			t.Errorf("%q is shown as %q", text, shown)
		}
		if _, err := url.Parse(text); err != nil {
			if reason := endpoint.Reason(err); endpointtest.Leaks(reason) || reason == "" {
				t.Errorf("the reason for %q is %q", text, reason)
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
		`not "http://uSER1:hUN TER2@h"`:                                                    `not "http://***@h"`,
		"like postgres://USER:PASSWORD@HOST:5432/DATABASE, please":                         "like postgres://USER:PASSWORD@HOST:5432/DATABASE, please",
		"postgres://USER:PASSWORD@h:uSER1:hUNTER2@h":                                       "postgres://USER:PASSWORD@***@h",
		"begin with postgres:// or postgresql://; or unset it":                             "begin with postgres:// or postgresql://; or unset it",
		"must begin with https://, so that nobody reads it":                                "must begin with https://, so that nobody reads it",
		"it begins with http:// or https://.":                                              "it begins with http:// or https://.",
		"https://,uSER1:hUNTER2@h":                                                         "https://***@h",
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

// FuzzShown: Shown hides a password before an @ or after a question mark, whatever surrounds
// it.
func FuzzShown(f *testing.F) {
	for _, text := range endpointtest.SecretURLs() {
		before, after, _ := strings.Cut(text, "hUNTER2")
		f.Add(before, after)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "\U0001F511"
		text := before + secret + after
		if !strings.Contains(after, "@") && !strings.ContainsAny(before, "?#") {
			return // it is not a secret there
		}
		if shown := endpoint.Shown(text); strings.Contains(shown, secret) {
			t.Errorf("%q is shown as %q", text, shown)
		}
	})
}
