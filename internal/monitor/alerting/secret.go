package alerting

import (
	"errors"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/prometheus/alertmanager/config"
	amcommon "github.com/prometheus/alertmanager/config/common"
	common "github.com/prometheus/common/config"

	"onsale/internal/endpoint"
)

const (
	// hidden stands where a secret stood, as in the library.
	hidden = amcommon.SecretToken
	// shortestSecret is the fewest bytes that are looked for in texts; shorter ones
	// would blank out ordinary words.
	shortestSecret = 4
	// shortestUntyped is the same for what no type calls a secret.
	shortestUntyped = 8
)

// secrets are the texts of a configuration that nobody may read.
type secrets struct {
	replacer *strings.Replacer
}

// text returns s without secrets, and without users, passwords and queries of URLs.
func (h secrets) text(s string) string { return endpoint.Clean(h.replacer.Replace(s)) }

// err returns an error without secrets that is still the error it was. URLs that
// were called are left out whole: that of a webhook may have come from a file,
// and is not known here.
func (h secrets) err(err error) error {
	text := err.Error()
	var called *url.Error
	for next := err; errors.As(next, &called); next = called.Err {
		if called.URL == "" {
			continue
		}
		text = strings.ReplaceAll(text, strconv.Quote(called.URL), hidden)
		text = strings.ReplaceAll(text, called.URL, hidden)
	}
	return &safeError{text: h.text(text), err: err}
}

// safeError is an error whose text holds no secret.
type safeError struct {
	text string
	err  error
}

func (e *safeError) Error() string { return e.text }

func (e *safeError) Unwrap() error { return e.err }

// secretsOf finds what the types of the configuration call secret, the passwords of
// URLs, and the values that are hidden where the configuration is shown.
func secretsOf(c *config.Config, closed []string) secrets {
	var pairs []string
	for _, text := range closed {
		if len(text) >= shortestUntyped {
			pairs = append(pairs, text, hidden)
		}
	}
	add := func(s string) {
		if len(s) >= shortestSecret && s != hidden {
			pairs = append(pairs, s, hidden)
		}
	}
	visit(reflect.ValueOf(c), func(v any) {
		switch v := v.(type) {
		case common.Secret:
			add(string(v))
		case config.SecretTemplateURL:
			addURL(string(v), add)
		case amcommon.SecretTemplateURL:
			addURL(string(v), add)
		case amcommon.SecretURL:
			if v.URL != nil {
				addURL(v.String(), add)
			}
		case *url.URL:
			if v == nil {
				return
			}
			if password, ok := v.User.Password(); ok {
				add(password)
			}
		}
	})
	return secrets{replacer: strings.NewReplacer(pairs...)}
}

// addURL adds a secret URL, and its path alone, which is what is secret in it.
func addURL(text string, add func(string)) {
	add(text)
	if u, err := url.Parse(text); err == nil && len(u.Path) > 1 {
		add(u.RequestURI())
		add(u.Path)
	}
}

// visit calls f with each exported value below v, and with the URLs that v
// points to.
func visit(v reflect.Value, f func(any)) {
	if !v.IsValid() || !v.CanInterface() {
		return
	}
	f(v.Interface())
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if _, isURL := reflect.TypeAssert[*url.URL](v); !isURL && !v.IsNil() {
			visit(v.Elem(), f)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			visit(field, f)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			visit(v.Index(i), f)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			visit(v.MapIndex(key), f)
		}
	default:
	}
}
