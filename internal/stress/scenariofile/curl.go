package scenariofile

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"onsale/internal/stress/suggest"
	"onsale/internal/stress/wire"
)

// curl reads a curl command. It ignores options that only change what curl prints, and rejects by name those that
// would change the request in a way that is not supported.
type curl struct {
	options Options
	request request

	data      []byte
	get, head bool
	json      bool
	globOff   bool
	location  bool
	redirects int
	user      string
	cookies   []string
	agent     string
	referer   string
	bearer    string
	encoding  bool
	dropped   []string
}

// curlRedirects is how many redirects curl follows with --location, unless --max-redirs is given.
const curlRedirects = 50

// FromCurl returns the scenario of one curl command, typed or copied from a browser ("Copy as cURL (bash)").
func FromCurl(command string, o Options) (*Definition, error) {
	words, err := split(command)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the curl command %w", err)
	case len(words) == 0 || words[0] != "curl" && !strings.HasSuffix(words[0], "/curl"):
		return nil, errors.New("the command must begin with curl")
	}
	c := curl{options: o.withDefaults(), redirects: curlRedirects}
	if err := c.arguments(words[1:]); err != nil {
		return nil, err
	}
	if err := c.finish(); err != nil {
		return nil, err
	}
	return c.request.definition("curl", c.options)
}

// arguments reads options and the URL, in any order.
func (c *curl) arguments(words []string) error {
	for len(words) > 0 {
		var err error
		word := words[0]
		words = words[1:]
		switch {
		case strings.HasPrefix(word, "--") && len(word) > 2:
			words, err = c.long(word, words)
		case word == "-" || word == "--":
			err = fmt.Errorf("curl's %s is not supported here", word)
		case strings.HasPrefix(word, "-"):
			words, err = c.short(word, words)
		default:
			err = c.url(word)
		}
		if err != nil {
			return err
		}
	}
	if c.request.url == "" {
		return errors.New("the curl command has no URL")
	}
	return nil
}

// long reads a long option (--name).
func (c *curl) long(word string, words []string) ([]string, error) {
	var known []string
	for _, o := range curlOptions() {
		if "--"+o.long != word {
			known = append(known, "--"+o.long)
			continue
		}
		if !o.argument {
			return words, o.apply(c, "")
		}
		if len(words) == 0 {
			return nil, fmt.Errorf("curl's %s needs a value", word)
		}
		return words[1:], o.apply(c, words[0])
	}
	if name, _, ok := strings.Cut(word, "="); ok { // the value can be a secret
		return nil, fmt.Errorf("curl's %s takes its value as the next word, without =", name)
	}
	if suggest.Closest(word, known) == "" { // listing all of them would be too long
		known = nil
	}
	return nil, fmt.Errorf("curl's %s is not supported here%s", word, suggest.Among(word, known))
}

// short reads short options, which can be combined: -sSLX POST.
func (c *curl) short(word string, words []string) ([]string, error) {
next:
	for i := 1; i < len(word); i++ {
		for _, o := range curlOptions() {
			switch {
			case o.short != word[i]:
				continue
			case !o.argument:
				if err := o.apply(c, ""); err != nil {
					return nil, err
				}
				continue next
			case i+1 < len(word):
				return words, o.apply(c, word[i+1:])
			case len(words) > 0:
				return words[1:], o.apply(c, words[0])
			}
			return nil, fmt.Errorf("curl's -%c needs a value", word[i])
		}
		return nil, fmt.Errorf("curl's -%s is not supported here", string([]rune(word[i:])[:1]))
	}
	return words, nil
}

// url sets the URL. There must be only one.
func (c *curl) url(text string) error {
	if c.request.url != "" {
		return errors.New("the curl command has two URLs, or a value without its option: give one URL")
	}
	if text == "" {
		return errors.New("the curl command has an empty URL")
	}
	c.request.url = text
	return nil
}

// finish builds the request from the options.
func (c *curl) finish() error {
	r := &c.request
	if err := c.globs(); err != nil {
		return err
	}
	if c.location {
		r.redirects = c.redirects
	}
	switch {
	case c.get && c.data != nil:
		c.query()
	case c.data != nil && c.head:
		return errors.New("the curl command has both --head and data: use one of them, or --get")
	case c.data != nil:
		r.body = c.data
	}
	if c.head && r.method == "" {
		r.method = "HEAD"
	}
	if len(c.cookies) > 0 {
		r.setDefault("Cookie", strings.Join(c.cookies, ";"))
	}
	if c.agent != "" {
		r.setDefault("User-Agent", c.agent)
	}
	if c.referer != "" {
		r.setDefault("Referer", c.referer)
	}
	if c.bearer != "" {
		r.setDefault("Authorization", "Bearer "+c.bearer)
	}
	if user, password, ok := strings.Cut(c.user, ":"); ok {
		r.setDefault("Authorization", basic(user, password))
	}
	if c.encoding {
		r.setDefault("Accept-Encoding", "deflate, gzip, br, zstd")
	}
	c.types()
	c.drop()
	return nil
}

// types sets Content-Type and Accept as curl does.
func (c *curl) types() {
	r := &c.request
	switch {
	case c.json:
		r.setDefault("Content-Type", "application/json")
		r.setDefault("Accept", "application/json")
	case r.body != nil:
		r.setDefault("Content-Type", "application/x-www-form-urlencoded")
	}
	r.setDefault("Accept", "*/*")
}

// drop removes the header fields that were given without a value, and Content-Length, which follows from the body.
func (c *curl) drop() {
	kept := c.request.header[:0]
	for _, f := range c.request.header {
		drop := strings.EqualFold(f.Name, "Content-Length")
		for _, name := range c.dropped {
			drop = drop || strings.EqualFold(f.Name, name)
		}
		if !drop {
			kept = append(kept, f)
		}
	}
	c.request.header = kept
}

// globs removes the backslashes that browsers write before brackets, and rejects
// brackets that curl would expand to many URLs.
func (c *curl) globs() error {
	if c.globOff {
		return nil
	}
	var b strings.Builder
	text := c.request.url
	_, afterScheme, _ := strings.Cut(text, "://")
	host, _, _ := strings.Cut(afterScheme, "/")
	if strings.HasPrefix(host, "[") { // an IPv6 address
		end := strings.IndexByte(text, ']') + 1
		b.WriteString(text[:end])
		text = text[end:]
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && strings.IndexByte("[]{}", text[i+1]) >= 0:
			i++
		case strings.IndexByte("[]{}", text[i]) >= 0:
			return errors.New("the URL has brackets, which curl would expand to several URLs: add --globoff if it is a single URL")
		}
		b.WriteByte(text[i])
	}
	c.request.url = b.String()
	return nil
}

// query appends the data to the query of the URL.
func (c *curl) query() {
	address, fragment, _ := strings.Cut(c.request.url, "#")
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	c.request.url = address + separator + string(c.data)
	if fragment != "" {
		c.request.url += "#" + fragment
	}
}

// header reads a header field. "Name:" removes a field that curl adds, and "Name;" sends a field without a value.
func (c *curl) header(text string) error {
	if strings.HasPrefix(text, "@") {
		return errors.New("curl's --header @file is not supported here: give the fields themselves")
	}
	name, value, ok := strings.Cut(text, ":")
	value = strings.TrimSpace(value)
	switch {
	case ok && value == "":
		c.dropped = append(c.dropped, name)
		return nil
	case !ok && !strings.HasSuffix(text, ";"):
		return fmt.Errorf("curl's --header %q must look like 'Name: value'", nameOf(text))
	case !ok:
		name = strings.TrimSuffix(text, ";")
	}
	c.request.header = append(c.request.header, wire.Field{Name: strings.TrimSpace(name), Value: value})
	return nil
}

// add appends data to the body after a separator.
func (c *curl) add(data []byte, separator string) {
	if c.data == nil {
		c.data = []byte{}
	} else {
		c.data = append(c.data, separator...)
	}
	c.data = append(c.data, data...)
}

// fromFile returns the data of an option, from a file if it begins with @.
func (c *curl) fromFile(text string) (data []byte, isFile bool, err error) {
	file, isFile := strings.CutPrefix(text, "@")
	switch {
	case !isFile:
		return []byte(text), false, nil
	case file == "-":
		return nil, true, errors.New("curl's @- reads standard input, which is not supported here")
	}
	data, err = readBody(file, c.options)
	return data, true, err
}

// urlEncode adds the data of --data-urlencode: content, =content, name=content, @file or name@file.
func (c *curl) urlEncode(text string) error {
	name, content := "", []byte(text)
	if i := strings.IndexAny(text, "=@"); i >= 0 {
		name, content = text[:i], []byte(text[i+1:])
		if text[i] == '@' {
			var err error
			if content, _, err = c.fromFile(text[i:]); err != nil {
				return err
			}
		}
	}
	var data []byte
	if name != "" {
		data = append([]byte(name), '=')
	}
	c.add(appendPercent(data, content, true), "&")
	return nil
}

// seconds reads a duration in seconds, as curl writes it.
func seconds(option, text string) (time.Duration, error) {
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(s) || s <= 0 || s > maxDuration.Seconds() {
		return 0, fmt.Errorf("curl's %s needs a number of seconds", option)
	}
	return time.Duration(s * float64(time.Second)), nil
}
