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
	// hidden replaces a secret. The library uses the same text.
	hidden = amcommon.SecretToken
	// shortestSecret is the length, in bytes, of the shortest secret that is replaced
	// in texts. Replacing shorter ones would hide ordinary words.
	shortestSecret = 4
	// shortestUntyped is the same for values whose type does not mark them as secret.
	shortestUntyped = 8
)

// secrets hides the secrets of a configuration in texts.
type secrets struct {
	replacer *strings.Replacer
}

// text returns s without secrets, and without user names, passwords and queries in URLs.
func (h secrets) text(s string) string { return endpoint.Clean(h.replacer.Replace(s)) }

// err returns an error that wraps the given one and has no secrets in its text. It
// removes whole URLs of failed requests, because a webhook's URL may come from a file
// that is not part of the configuration.
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

// safeError is an error whose text contains no secret.
type safeError struct {
	text string
	err  error
}

func (e *safeError) Error() string { return e.text }

func (e *safeError) Unwrap() error { return e.err }

// secretsOf collects the values whose types mark them as secret, the passwords in
// URLs, and the values that are hidden when the configuration is shown.
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

// addURL adds a secret URL and also its path, which is the secret part.
func addURL(text string, add func(string)) {
	add(text)
	if u, err := url.Parse(text); err == nil && len(u.Path) > 1 {
		add(u.RequestURI())
		add(u.Path)
	}
}

// visit calls f with each exported value in v, including URLs behind pointers.
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
