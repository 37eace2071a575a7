// Package conninfo parses connection strings of PostgreSQL: a URL, or keywords and
// values. It also accepts what shells, environment files and other drivers add to them.
//
// Its errors name the part that is wrong and how to write it. They never show the whole
// string, the password or the user.
package conninfo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/store/transport"
)

// connectTimeout is the default limit of an attempt to connect. It is enough for a TLS
// handshake across a continent.
const connectTimeout = 2 * time.Second

// maxLength limits a connection string, in bytes.
const maxLength = 16 << 10

// keepAlive detects a dead server within half a minute, even during a migration, which
// has no time limit.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}

// ErrEmpty is the error for a string that has only white space.
var ErrEmpty = errors.New("it is empty")

// ErrScheme is the error for a string that is neither a URL of PostgreSQL nor keywords
// and values.
var ErrScheme = errors.New("it must begin with postgres:// or postgresql://")

// form describes a valid URL.
const form = "it must look like postgres://USER:PASSWORD@HOST:5432/DATABASE, with special characters of the password percent-encoded"

// malformed returns an error that describes the wrong part and a valid URL.
func malformed(format string, args ...any) error {
	return errors.New(fmt.Sprintf(format, args...) + "; " + form)
}

// settings maps keywords of libpq and run-time parameters of the server to their values.
type settings map[string]string

// Parse parses a connection string with one host or several. It returns the sorted names
// of the settings that it ignores: keywords of libpq and of other drivers that have no
// effect here. A setting that requires protection which the driver cannot give is an
// error.
//
// With several hosts, the configuration connects to the primary. Its connections are
// encrypted as [transport.RequireTLS] requires.
func Parse(text string) (config *pgxpool.Config, ignored []string, err error) {
	found, err := read(text)
	if err != nil {
		return nil, nil, err
	}
	mode := found["sslmode"]
	if found[modeTwice] != "" {
		mode = "" // contradictory values are not a choice
	}
	delete(found, modeTwice)
	var after adjustments
	if ignored, err = found.sort(&after); err != nil {
		return nil, nil, err
	}
	if config, err = found.config(); err != nil {
		return nil, nil, err
	}
	if _, set := found["target_session_attrs"]; !set && severalHosts(config) {
		found["target_session_attrs"] = "read-write" // only the primary can sell
		if config, err = found.config(); err != nil {
			return nil, nil, err
		}
	}
	conn := &config.ConnConfig.Config
	if found["connect_timeout"] == "" {
		conn.ConnectTimeout = connectTimeout
	}
	if found["password"] == "" {
		conn.Password = strings.TrimRight(conn.Password, "\r\n") // $PGPASSWORD can end with the newline of echo
	}
	setFormats(conn.RuntimeParams)
	conn.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	if err := after.apply(conn); err != nil {
		return nil, nil, err
	}
	transport.RequireTLS(conn, mode)
	return config, ignored, nil
}

// setFormats requests the formats of texts and times that the driver reads, whatever the
// defaults of the server, the database or the role are. Poolers support these two
// parameters, because other drivers send them too.
func setFormats(params map[string]string) {
	for name := range params {
		if strings.EqualFold(name, "datestyle") {
			delete(params, name)
		}
	}
	params["client_encoding"], params["datestyle"] = "UTF8", "ISO"
}

// LogIgnored logs the names of ignored settings in one line. A nil logger logs nothing.
func LogIgnored(log *slog.Logger, names []string) {
	if log != nil && len(names) > 0 {
		log.Warn("settings of the database URL are ignored", "settings", strings.Join(names, " "))
	}
}

// read parses a URL, or keywords and values.
func read(text string) (settings, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("it must be at most %d bytes long", maxLength)
	}
	text, jdbc := tidy(text)
	if text == "" {
		return nil, ErrEmpty
	}
	if strings.ContainsFunc(text, isControl) {
		return nil, malformed("it has a line break or another control character inside")
	}
	if rest, ok := cutScheme(text); ok {
		return readURL(rest, jdbc)
	}
	if name, _, ok := strings.Cut(text, "="); ok && isName(strings.TrimSpace(name)) {
		return readKeywords(text)
	}
	return nil, ErrScheme
}

// config returns the driver's configuration for the settings.
func (s settings) config() (*pgxpool.Config, error) {
	var line strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&line, "%s='%s' ", name, escape.Replace(s[name]))
	}
	config, err := pgxpool.ParseConfig(line.String())
	if err != nil {
		return nil, fmt.Errorf("it cannot be used: %s", s.reason(err))
	}
	return config, nil
}

// reason returns the driver's message without the connection string that it quotes, and
// without secrets.
func (s settings) reason(err error) string {
	message := err.Error()
	message = message[strings.LastIndex(message, "`: ")+1:]
	message = strings.TrimPrefix(message, ": ")
	for _, name := range []string{"password", "sslpassword"} {
		if len(s[name]) > 3 { // a shorter one is part of many words
			message = strings.ReplaceAll(message, s[name], "xxxxx")
		}
	}
	return message
}

func severalHosts(config *pgxpool.Config) bool {
	first := config.ConnConfig
	return slices.ContainsFunc(first.Fallbacks, func(other *pgconn.FallbackConfig) bool {
		return other.Host != first.Host || other.Port != first.Port
	})
}

// lookUp returns a look-up function that finds the known addresses first.
func lookUp(known map[string]string, others pgconn.LookupFunc) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		if address, ok := known[host]; ok {
			return []string{address}, nil
		}
		return others(ctx, host)
	}
}
