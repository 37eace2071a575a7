package scenariofile

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// curlOption is one that curl has.
type curlOption struct {
	short    byte
	long     string
	argument bool
	apply    func(c *curl, value string) error
}

// curlOptions are those that are understood, and those that are refused with a reason.
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
	return append(append(append(options, dataOptions()...), printOptions()...), refusedOptions()...)
}

// dataOptions are those that make a body.
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

// printOptions are those that change what curl prints, writes or retries, and so nothing here; and those that
// ask for what is done anyway.
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
			c.warn("curl's --" + long + " is left out: HTTP/1.1 is spoken")
			return nil
		}})
	}
	for _, long := range []string{"connect-timeout", "retry", "retry-delay", "retry-max-time"} {
		options = append(options, curlOption{0, long, true, func(c *curl, _ string) error {
			c.warn("curl's --" + long + " is left out: a request is made once, and --max-time ends it")
			return nil
		}})
	}
	return options
}

// refusedOptions are those that are known, and not supported for a reason worth telling.
func refusedOptions() []curlOption {
	var options []curlOption
	for _, o := range [][3]string{
		{"F", "form", "a multipart form is not supported; send the body with --data-binary @file and its Content-Type"},
		{":", "next", "one request is made over and over; write several as a scenario file"},
		{"Z", "parallel", "one request is made over and over; write several as a scenario file"},
		{"T", "upload-file", "it is not supported; use --request PUT --data-binary @file"},
		{"K", "config", "a file with options is not supported; give the options themselves"},
		{"x", "proxy", "a proxy is not supported: it would be measured too"},
		{"E", "cert", "a client certificate is not supported"},
		{"", "cacert", "give --cacert to onsale stress itself"},
		{"n", "netrc", "it is not supported; use --user"},
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

// lines adds data, of which a file loses its line ends, as curl does.
func (c *curl) lines(text string) error {
	data, isFile, err := c.fromFile(text)
	if isFile {
		data = bytes.ReplaceAll(bytes.ReplaceAll(data, []byte("\r"), nil), []byte("\n"), nil)
	}
	c.add(data, "&")
	return err
}

// credentials takes user:password. Without a password curl would ask for it.
func (c *curl) credentials(text string) error {
	if !strings.Contains(text, ":") {
		return errors.New("curl's --user needs user:password, as nobody is there to type the password")
	}
	c.user = text
	return nil
}

// cookie takes cookies. Without = it is a file to curl.
func (c *curl) cookie(text string) error {
	if !strings.Contains(text, "=") {
		return errors.New("curl's --cookie with a file is not supported: give the cookies themselves, name=value")
	}
	c.cookies = append(c.cookies, text)
	return nil
}

// maxRedirects takes how many redirects are followed with --location.
func (c *curl) maxRedirects(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > curlRedirects {
		return fmt.Errorf("curl's --max-redirs must be from 0 to %d here", curlRedirects)
	}
	c.redirects = n
	return nil
}
