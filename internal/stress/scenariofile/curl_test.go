package scenariofile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress/scenariofile"
)

// curlCases are commands with the requests that curl 7.88 sends for them, without Host, User-Agent and
// Content-Length.
var curlCases = []struct{ name, command, want string }{
	{"a URL", "curl http://x/a?b=c", "GET /a?b=c|Accept: */*"},
	{"the URL as an option", "curl -sSLX PATCH --url x/a", "PATCH /a|Accept: */*"},
	{"Chrome", `curl 'http://x/buy/1?q=\[1\]' \
  -H 'accept: application/json' \
  -H 'accept-language: de,en;q=0.9' \
  -b 'sid=abc; theme=dark' \
  -H 'content-type: application/json' \
  -H 'sec-ch-ua: "Chromium";v="142"' \
  --data-raw $'{"user_email":"o\'neil@example.com","quantity":1,"note":"\u0021\n"}' \
  --compressed --insecure`, "POST /buy/1?q=[1]|Accept-Encoding: deflate, gzip, br, zstd|Accept-Language: de,en;q=0.9|Accept: application/json|Content-Type: application/json|Cookie: sid=abc; theme=dark|" +
		`Sec-Ch-Ua: "Chromium";v="142"|{"user_email":"o'neil@example.com","quantity":1,"note":"!` + "\n" + `"}`},
	{
		"Firefox", "curl 'http://x/a' --compressed -X POST -H 'Accept-Encoding: gzip' -H 'Content-Type: text/plain' -H 'Connection: keep-alive' --data-raw ''",
		"POST /a|Accept-Encoding: gzip|Accept: */*|Connection: keep-alive|Content-Type: text/plain|",
	},
	{"Windows line ends", "curl 'http://x/a' \\\r\n  -H 'X-A: b'", "GET /a|Accept: */*|X-A: b"},
	{"data", "curl x/a -d a=b --data 'c=d e' --data-raw @f -d @lines", "POST /a|Accept: */*|Content-Type: application/x-www-form-urlencoded|a=b&c=d e&@f&one=two"},
	{"binary", "curl x/a --data-binary @lines", "POST /a|Accept: */*|Content-Type: application/x-www-form-urlencoded|one=\r\ntwo\n"},
	{
		"urlencode", "curl x/a --data-urlencode 'a b&c' --data-urlencode =d=e --data-urlencode 'n m=ö/-._~' --data-urlencode f@lines",
		"POST /a|Accept: */*|Content-Type: application/x-www-form-urlencoded|a+b%26c&d%3De&n m=%C3%B6%2F-._~&f=one%3D%0D%0Atwo%0A",
	},
	{"json", `curl x/a --json '{"a":' --json 1}`, `POST /a|Accept: application/json|Content-Type: application/json|{"a":1}`},
	{"json of a file", `curl x/a --json @doc.json`, `POST /a|Accept: application/json|Content-Type: application/json|{}`},
	{"get", "curl -G x/a?b=c -d d=e -d f=g", "GET /a?b=c&d=e&f=g|Accept: */*"},
	{"get without a query", "curl --get x/a --data-urlencode 'd=e f'", "GET /a?d=e+f|Accept: */*"},
	{"head", "curl -I x/a", "HEAD /a|Accept: */*"},
	{"user", "curl -u me:p:w x/a", "GET /a|Accept: */*|Authorization: Basic bWU6cDp3"},
	{"user in the URL", "curl http://me:pw@x/a", "GET /a|Accept: */*|Authorization: Basic bWU6cHc="},
	{"own authorization", "curl -u me:pw -H 'Authorization: x' x/a", "GET /a|Accept: */*|Authorization: x"},
	{"bearer", "curl --oauth2-bearer abc x/a", "GET /a|Accept: */*|Authorization: Bearer abc"},
	{"cookies", "curl -b a=b -b 'c=d;' x/a", "GET /a|Accept: */*|Cookie: a=b;c=d;"},
	{"agent and referer", "curl -A 'me 1' -e http://y/ x/a", "GET /a|Accept: */*|Referer: http://y/|User-Agent: me 1"},
	{"removed and empty fields", "curl -H Accept: -H 'X-Empty;' -H 'X-Gone:' -H 'Content-Length: 3' -d a=b x/a", "POST /a|Content-Type: application/x-www-form-urlencoded|X-Empty: |a=b"},
	{"two fields of one name", "curl -H 'X-A: 1' -H 'X-A: 2' x/a", "GET /a|Accept: */*|X-A: 1|X-A: 2"},
	{"explicit method", "curl -XPUT -d a x/a", "PUT /a|Accept: */*|Content-Type: application/x-www-form-urlencoded|a"},
	{"fragment", "curl -G 'http://x/a#top' -d b=c", "GET /a?b=c|Accept: */*"},
	{"a line continued within quotes", "curl \"x/\\\na\"", "GET /a|Accept: */*"},
	{"IPv6", "curl 'http://[::1]/a'", "GET /a|Accept: */*"},
	{"brackets", "curl -g 'x/a?b=[1]'", "GET /a?b=[1]|Accept: */*"},
	{"options that change only what is printed", "curl -sS -o /dev/null -w '%{http_code}' -vif --http1.1 x/a", "GET /a|Accept: */*"},
}

var curlFiles = files{"lines": "one=\r\ntwo\n", "doc.json": "{}"}

func TestCurlCommands(t *testing.T) {
	t.Parallel()
	for _, c := range curlCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := scenariofile.FromCurl(c.command, options(curlFiles, nil))
			if err != nil {
				t.Fatal(err)
			}
			got, _ := once(t, s)
			if line := flat(got); line != c.want {
				t.Errorf("got  %s\nwant %s", line, c.want)
			}
		})
	}
}

// flat formats a request as one line.
func flat(r request) string {
	parts := []string{}
	for name, values := range r.header {
		for _, v := range values {
			if name != "Content-Length" && (name != "User-Agent" || !strings.HasPrefix(v, "onsale-stress") && !strings.HasPrefix(v, "curl/")) {
				parts = append(parts, name+": "+v)
			}
		}
	}
	slices.Sort(parts)
	parts = append([]string{r.method + " " + r.path}, parts...)
	if r.body != "" || r.method == "POST" {
		parts = append(parts, r.body)
	}
	return strings.Join(parts, "|")
}

func TestSettingsOfACurlCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ command, want string }{
		{"curl x", "http://x 0s 0 false []"},
		{"curl -k https://x:1 -m 2.5", "https://x:1 2.5s 0 true []"},
		{"curl -L x", "http://x 0s 50 false []"},
		{"curl --location --max-redirs 3 x", "http://x 0s 3 false []"},
		{"/usr/bin/curl --max-redirs 3 x", "http://x 0s 0 false []"},
		{"curl --http2 --retry 3 x", "http://x 0s 0 false [curl's --http2 is ignored: requests use HTTP/1.1 curl's --retry is ignored: each request is made once, and --max-time limits it]"},
	} {
		s, err := scenariofile.FromCurl(c.command, options(nil, nil))
		if err != nil {
			t.Errorf("%s: %v", c.command, err)
			continue
		}
		if got := fmt.Sprint(s.Host, " ", s.Timeout, " ", s.Redirects, " ", s.Insecure, " ", s.Warnings); got != c.want {
			t.Errorf("%s: got %s, want %s", c.command, got, c.want)
		}
	}
	if s, err := scenariofile.FromCurl("curl -m 0.5 x", options(nil, nil)); err != nil || s.Timeout != 500*time.Millisecond {
		t.Errorf("got %v, %v", s, err)
	}
}

func TestRejectedCurlCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ command, want string }{
		{"", "the command must begin with curl"},
		{"wget x", "the command must begin with curl"},
		{"curl", "the curl command has no URL"},
		{"curl x y", "the curl command has two URLs, or a value without its option: give one URL"},
		{"curl ''", "the curl command has an empty URL"},
		{"curl -X", "curl's -X needs a value"},
		{"curl x --header", "curl's --header needs a value"},
		{"curl x --haeder a:b", "curl's --haeder is not supported here; did you mean --header?"},
		{"curl x --ftp-pasv", "curl's --ftp-pasv is not supported here"},
		{"curl x --user=me:geheim", "curl's --user takes its value as the next word, without ="},
		{"curl -sy x", "curl's -y is not supported here"},
		{"curl x -", "curl's - is not supported here"},
		{"curl -sö x", "curl's -ö is not supported here"},
		{"curl -F a=b x", "curl's --form: multipart forms are not supported; send the body with --data-binary @file and its Content-Type"},
		{"curl x --next y", "curl's --next: only one request is repeated; use a scenario file for several"},
		{"curl -x proxy x", "curl's --proxy: proxies are not supported, because the result would include the proxy"},
		{"curl --cacert ca.pem x", "curl's --cacert: use the --cacert flag of onsale stress instead"},
		{"curl -u me x", "curl's --user needs user:password: onsale does not prompt for the password"},
		{"curl -b jar.txt x", "curl's --cookie with a file is not supported: give the cookies themselves, name=value"},
		{"curl -H @file x", "curl's --header @file is not supported here: give the fields themselves"},
		{"curl -H 'geheim value' x", `curl's --header "geheim …" must look like 'Name: value'`},
		{"curl -d @- x", "curl's @- reads standard input, which is not supported here"},
		{"curl -d @none x", "read body: file does not exist"},
		{"curl -I -d a x", "the curl command has both --head and data: use one of them, or --get"},
		{"curl -m soon x", "curl's --max-time needs a number of seconds"},
		{"curl -L --max-redirs -1 x", "curl's --max-redirs must be from 0 to 50 here"},
		{"curl 'x/{a,b}'", "the URL has brackets, which curl would expand to several URLs: add --globoff if it is a single URL"},
		{"curl 'x", "the curl command has a quote that is not closed"},
		{`curl "x`, "the curl command has a quote that is not closed"},
		{`curl $'x\`, "the curl command has a quote that is not closed"},
		{`curl x\`, "the curl command ends with a backslash"},
		{"curl x | jq .", `the curl command has "|" outside quotes, where it is a shell operator: give a single curl command`},
		{"curl x\ncurl y", `the curl command has "\n" outside quotes, where it is a shell operator: give a single curl command`},
		{"curl x # all", "the curl command has a comment (#)"},
		{`curl -H "X-A: $TOKEN" x`, `the curl command has "$TOKEN", which a shell would expand and onsale does not: write the value itself, or quote it with '`},
		{"curl x/`id`", "the curl command has \"`i\", which a shell would expand and onsale does not: write the value itself, or quote it with '"},
		{"curl x/$(id)", `the curl command has "$(", which a shell would expand and onsale does not: write the value itself, or quote it with '`},
		{"curl ^\"x^\" ^\r\n -k", "the curl command is written for the Windows command prompt (^); copy it for bash instead: Copy as cURL (bash)"},
		{`curl $'\Uffffffff' x`, `the curl command has a \U that is not a Unicode character`},
		{"curl 'x?a=1'&b=2", `the curl command has "&" outside quotes, where it is a shell operator: give a single curl command`},
		{"curl x >out", `the curl command has ">" outside quotes, where it is a shell operator: give a single curl command`},
		{"curl (x)", `the curl command has "(" outside quotes, where it is a shell operator: give a single curl command`},
		{"curl ${", "the curl command is not a command that bash can read"},
		{"A=b curl x", "the curl command must begin with curl"},
		{`curl $'\400' x`, "the curl command has a NUL character"},
		{`curl $'\0' x`, "the curl command has a NUL character"},
	} {
		_, err := scenariofile.FromCurl(c.command, options(nil, nil))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s\ngot  %v\nwant %s", c.command, err, c.want)
		}
	}
}
