package scenariofile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// curlOption is an option of curl.
type curlOption struct {
	short    byte
	long     string
	argument bool
	apply    func(c *curl, value string) error
}

// curlOptions returns the options that are supported, and those that are rejected with a reason.
func curlOptions() []curlOption {
	options := []curlOption{
		{'X', "request", true, func(c *curl, v string) error { c.request.method = v; return nil }},
		{'H', "header", true, (*curl).header},
		{0, "url", true, (*curl).url},
		{'u', "user", true, (*curl).credentials},
		{0, "oauth2-bearer", true, func(c *curl, v string) error { c.bearer = v; return nil }},
		{'b', "cookie", true, (*curl).cookie},
		{'A', "user-agent", true, func(c *curl, v string) error { c.agent = v; return nil }},
		{'e', "referer", true, func(c *curl, v string) error { c.referer = strings.TrimSuffix(v, ";auto"); return nil }},
		{'k', "insecure", false, func(c *curl, _ string) error { c.request.insecure = true; return nil }},
		{'L', "location", false, func(c *curl, _ string) error { c.location = true; return nil }},
		{0, "max-redirs", true, (*curl).maxRedirects},
		{0, "compressed", false, func(c *curl, _ string) error { c.encoding = true; return nil }},
		{'G', "get", false, func(c *curl, _ string) error { c.get = true; return nil }},
		{'I', "head", false, func(c *curl, _ string) error { c.head = true; return nil }},
		{'g', "globoff", false, func(c *curl, _ string) error { c.globOff = true; return nil }},
		{'m', "max-time", true, func(c *curl, v string) (err error) {
			c.request.timeout, err = seconds("--max-time", v)
			return err
		}},
	}
	return append(append(append(options, dataOptions()...), printOptions()...), rejectedOptions()...)
}

// dataOptions returns the options that set a body.
func dataOptions() []curlOption {
	return []curlOption{
		{'d', "data", true, (*curl).lines},
		{0, "data-ascii", true, (*curl).lines},
		{0, "data-raw", true, func(c *curl, v string) error { c.add([]byte(v), "&"); return nil }},
		{0, "data-binary", true, func(c *curl, v string) error {
			data, _, err := c.fromFile(v)
			c.add(data, "&")
			return err
		}},
		{0, "data-urlencode", true, (*curl).urlEncode},
		{0, "json", true, func(c *curl, v string) error {
			data, _, err := c.fromFile(v)
			c.json = true
			c.add(data, "")
			return err
		}},
	}
}

// printOptions returns the options that are ignored: they change what curl prints, writes or retries, or request
// the default.
func printOptions() []curlOption {
	nothing := func(*curl, string) error { return nil }
	var options []curlOption
	for o := range strings.FieldsSeq("s,silent S,show-error v,verbose i,include f,fail ,fail-with-body #,progress-bar " +
		",no-progress-meter N,no-buffer q,disable j,junk-session-cookies O,remote-name J,remote-header-name R,remote-time " +
		",styled-output ,no-styled-output ,basic ,http1.1 ,path-as-is ,tcp-nodelay ,raw") {
		short, long, _ := strings.Cut(o, ",")
		options = append(options, curlOption{first(short), long, false, nothing})
	}
	for o := range strings.FieldsSeq("o,output ,output-dir w,write-out ,stderr D,dump-header c,cookie-jar ,trace ,trace-ascii") {
		short, long, _ := strings.Cut(o, ",")
		options = append(options, curlOption{first(short), long, true, nothing})
	}
	for _, long := range []string{"http2", "http2-prior-knowledge", "http3", "http3-only"} {
		options = append(options, curlOption{0, long, false, func(c *curl, _ string) error {
			c.warn("curl's --" + long + " is ignored: requests use HTTP/1.1")
			return nil
		}})
	}
	for _, long := range []string{"connect-timeout", "retry", "retry-delay", "retry-max-time"} {
		options = append(options, curlOption{0, long, true, func(c *curl, _ string) error {
			c.warn("curl's --" + long + " is ignored: each request is made once, and --max-time limits it")
			return nil
		}})
	}
	return options
}

// rejectedOptions returns options that are not supported, with the reason or an alternative.
func rejectedOptions() []curlOption {
	var options []curlOption
	for _, o := range [][3]string{
		{"F", "form", "multipart forms are not supported; send the body with --data-binary @file and its Content-Type"},
		{":", "next", "only one request is repeated; use a scenario file for several"},
		{"Z", "parallel", "only one request is repeated; use a scenario file for several"},
		{"T", "upload-file", "uploads are not supported; use --request PUT --data-binary @file"},
		{"K", "config", "option files are not supported; give the options themselves"},
		{"x", "proxy", "proxies are not supported, because the result would include the proxy"},
		{"E", "cert", "client certificates are not supported"},
		{"", "cacert", "use the --cacert flag of onsale stress instead"},
		{"n", "netrc", "netrc files are not supported; use --user"},
	} {
		options = append(options, curlOption{first(o[0]), o[1], false, func(*curl, string) error {
			return fmt.Errorf("curl's --%s: %s", o[1], o[2])
		}})
	}
	return options
}

// first returns the letter of a short option; 0 if it has none.
func first(text string) byte {
	if text == "" {
		return 0
	}
	return text[0]
}

func (c *curl) warn(text string) { c.request.warnings = append(c.request.warnings, text) }

// lines adds data. As in curl, the line ends of a file are removed.
func (c *curl) lines(text string) error {
	data, isFile, err := c.fromFile(text)
	if isFile {
		data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r"), nil), []byte("\n"), nil)
	}
	c.add(data, "&")
	return err
}

// credentials reads user:password. Without a password curl would prompt for it.
func (c *curl) credentials(text string) error {
	if !strings.Contains(text, ":") {
		return errors.New("curl's --user needs user:password: onsale does not prompt for the password")
	}
	c.user = text
	return nil
}

// cookie reads cookies. To curl, a value without = is a file name.
func (c *curl) cookie(text string) error {
	if !strings.Contains(text, "=") {
		return errors.New("curl's --cookie with a file is not supported: give the cookies themselves, name=value")
	}
	c.cookies = append(c.cookies, text)
	return nil
}

// maxRedirects reads how many redirects --location follows.
func (c *curl) maxRedirects(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > curlRedirects {
		return fmt.Errorf("curl's --max-redirs must be from 0 to %d here", curlRedirects)
	}
	c.redirects = n
	return nil
}
