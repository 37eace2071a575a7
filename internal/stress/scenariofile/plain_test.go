package scenariofile_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"onsale/internal/stress/scenariofile"
)

// once runs one task of a plain scenario, against a test server instead of its host.
func once(t *testing.T, s *scenariofile.Definition) (request, string) {
	t.Helper()
	on := serve(t, func(http.ResponseWriter, *http.Request) {})
	got := run(t, s, on, play{tasks: 1})
	if got.Total.Requests != 1 || got.Total.Failures != 0 {
		t.Errorf("%d requests, failed %s", got.Total.Requests, failures(got))
	}
	return on.all()[0], strings.Join(names(got), ", ")
}

func TestOneURL(t *testing.T) {
	t.Parallel()
	body := files{"order.json": `{"a":1}`, "nothing": ""}
	for _, c := range []struct {
		name               string
		plain              scenariofile.Plain
		host, want, header string
	}{
		{"bare", scenariofile.Plain{URL: "localhost:8000"}, "http://localhost:8000", "GET /", ""},
		{"path and query", scenariofile.Plain{URL: "https://x.example/a%2Fb/c?d=e&f=g h#top"}, "https://x.example", "GET /a%2Fb/c?d=e&f=g%20h", ""},
		{"beyond ASCII", scenariofile.Plain{URL: "http://x/ä?ö={u}"}, "http://x", "GET /%C3%A4?%C3%B6=%7Bu%7D", ""},
		{"braces are not a template", scenariofile.Plain{URL: "http://x/{{user}}", Body: "{{user}}"}, "http://x", "POST /%7B%7Buser%7D%7D {{user}}", ""},
		{"IPv6", scenariofile.Plain{URL: "http://[::1]:80/x"}, "http://[::1]:80", "GET /x", ""},
		{"method and header", scenariofile.Plain{URL: "x/y", Method: "DELETE", Header: []string{"X-A: b: c", "x-empty:"}}, "http://x", "DELETE /y", "X-A: b: c"},
		{"body", scenariofile.Plain{URL: "x/y", Body: "a=b", ContentType: "text/plain"}, "http://x", "POST /y a=b", "Content-Type: text/plain"},
		{"own type", scenariofile.Plain{URL: "x/y", Body: "a=b", ContentType: "text/plain", Header: []string{"content-type: a/b"}}, "http://x", "POST /y a=b", "Content-Type: a/b"},
		{"body of a file", scenariofile.Plain{URL: "x/y", Method: "PUT", Body: "@order.json"}, "http://x", `PUT /y {"a":1}`, ""},
		{"empty file", scenariofile.Plain{URL: "x/y", Body: "@nothing"}, "http://x", "POST /y", "Content-Length: 0"},
		{"user", scenariofile.Plain{URL: "http://me:p%40ss@x/y"}, "http://x", "GET /y", "Authorization: Basic bWU6cEBzcw=="},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := scenariofile.FromURL(c.plain, options(body, nil))
			if err != nil {
				t.Fatal(err)
			}
			if s.Host != c.host {
				t.Errorf("host is %s, want %s", s.Host, c.host)
			}
			got, _ := once(t, s)
			if line := strings.TrimSpace(got.method + " " + got.path + " " + got.body); line != c.want {
				t.Errorf("got %s\nwant %s", line, c.want)
			}
			if name, value, ok := strings.Cut(c.header, ": "); ok && got.header.Get(name) != value {
				t.Errorf("%s is %q", name, got.header.Get(name))
			}
		})
	}
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	const look = "the URL must look like http://127.0.0.1:8000/concerts"
	for _, c := range []struct {
		plain scenariofile.Plain
		want  string
	}{
		{scenariofile.Plain{}, look},
		{scenariofile.Plain{URL: "ftp://x/y"}, look},
		{scenariofile.Plain{URL: "http://geheim:geheim@"}, look},
		{scenariofile.Plain{URL: "http://me:geheim@x:port/"}, look},
		{scenariofile.Plain{URL: "http://x:99999/"}, "read URL: read target: its port is not between 1 and 65535"},
		{scenariofile.Plain{URL: "x", Method: "A B"}, `method "A B" must be a word such as GET or POST`},
		{scenariofile.Plain{URL: "x", Header: []string{"Bearer geheim"}}, `header "Bearer …" must look like 'Name: value'`},
		{scenariofile.Plain{URL: "x", Header: []string{"X-Key=geheim"}}, `header "X-Key …" must look like 'Name: value'`},
		{scenariofile.Plain{URL: "x", Header: []string{"X-Key\tgeheim"}}, `header "X-Key …" must look like 'Name: value'`},
		{scenariofile.Plain{URL: "x", Header: []string{"X-Key=geheim:geheim"}}, `header "X-Key …" does not have a valid name`},
		{scenariofile.Plain{URL: "x", Header: []string{"a b: geheim"}}, `header "a …" does not have a valid name`},
		{scenariofile.Plain{URL: "x", Header: []string{"X-A: geheim\nX-B: c"}}, `header X-A must be one line without control characters`},
		{scenariofile.Plain{URL: "x", Header: []string{"Content-Length: 5"}}, `header Content-Length cannot be set, because it follows from the body`},
		{scenariofile.Plain{URL: "x", Body: "@none"}, "read body: file does not exist"},
	} {
		_, err := scenariofile.FromURL(c.plain, options(nil, nil))
		if err == nil || err.Error() != c.want {
			t.Errorf("%+v: got %v\nwant %s", c.plain, err, c.want)
		}
	}
}

func TestNamesOfAPlainRequestHaveNoSecret(t *testing.T) {
	t.Parallel()
	s, err := scenariofile.FromCurl("curl -u me:geheim -H 'X-Key: geheim' -b sid=geheim -d geheim=geheim 'http://geheim@x/buy/1?key=geheim'", options(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	_, name := once(t, s)
	if told := fmt.Sprint(s.Name, s.Summary, s.Host, s.Warnings, name); strings.Contains(told, "geheim") || s.Summary != "POST /buy/1" || name != "POST /buy/1 1" {
		t.Errorf("a secret is in: %s", told)
	}
}
