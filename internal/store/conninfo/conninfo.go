// Package conninfo reads connection strings of PostgreSQL as people have them: a URL
// or keywords and values, with what shells, files and other drivers put around it.
//
// Its errors say which part is wrong and how to write it. They never show the string,
// the password or the user.
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

// connectTimeout ends an attempt to connect unless the string says otherwise: long
// enough for a TLS handshake across a continent.
const connectTimeout = 2 * time.Second

// maxLength limits a connection string, in bytes.
const maxLength = 16 << 10

// keepAlive notices within half a minute that a server is gone, also while a
// migration waits for its answer without a limit.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}

// ErrEmpty says that there is nothing but white space.
var ErrEmpty = errors.New("it is empty")

// ErrScheme says that the string is for no PostgreSQL.
var ErrScheme = errors.New("it must begin with postgres:// or postgresql://")

// form is what a URL must look like.
const form = "it must look like postgres://USER:PASSWORD@HOST:5432/DATABASE, with special characters of the password percent-encoded"

// malformed returns an error for the part that is wrong.
func malformed(format string, args ...any) error {
	return errors.New(fmt.Sprintf(format, args...) + "; " + form)
}

// settings are keywords of libpq, and run-time parameters of the server, with their
// values.
type settings map[string]string

// Parse reads a connection string of one host or of several. It returns the names of
// the settings that it ignores, sorted: keywords of libpq and of other drivers that
// mean nothing here. A setting that asks for protection which the driver cannot give
// is an error.
//
// Connections by the configuration go to the primary among several hosts, and are
// encrypted as [transport.RequireTLS] demands.
func Parse(text string) (config *pgxpool.Config, ignored []string, err error) {
	found, err := read(text)
	if err != nil {
		return nil, nil, err
	}
	mode := found["sslmode"]
	if found[modeTwice] != "" {
		mode = "" // then it is nobody's choice
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
		found["target_session_attrs"] = "read-write" // it is the primary that sells
		if config, err = found.config(); err != nil {
			return nil, nil, err
		}
	}
	conn := &config.ConnConfig.Config
	if found["connect_timeout"] == "" {
		conn.ConnectTimeout = connectTimeout
	}
	if found["password"] == "" {
		conn.Password = strings.TrimRight(conn.Password, "\r\n") // $PGPASSWORD, as echo writes it
	}
	setFormats(conn.RuntimeParams)
	conn.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	if err := after.apply(conn); err != nil {
		return nil, nil, err
	}
	transport.RequireTLS(conn, mode)
	return config, ignored, nil
}

// setFormats makes texts and times come as the driver reads them, whatever the server,
// the database or the role has as default. Poolers know these two parameters, for
// drivers of other languages send them as well.
func setFormats(params map[string]string) {
	for name := range params {
		if strings.EqualFold(name, "datestyle") {
			delete(params, name)
		}
	}
	params["client_encoding"], params["datestyle"] = "UTF8", "ISO"
}

// LogIgnored logs in one line that settings are ignored; a nil logger logs nothing.
func LogIgnored(log *slog.Logger, names []string) {
	if log != nil && len(names) > 0 {
		log.Warn("settings of the database URL are ignored", "settings", strings.Join(names, " "))
	}
}

// read tells a URL from keywords and values.
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

// config hands the settings to the driver.
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

// reason returns the driver's message without the string that it quotes and without
// the secrets.
func (s settings) reason(err error) string {
	message := err.Error()
	message = message[strings.LastIndex(message, "`: ")+1:]
	message = strings.TrimPrefix(message, ": ")
	for _, name := range []string{"password", "sslpassword"} {
		if len(s[name]) > 3 { // one that is shorter is a part of many words
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

// lookUp returns a look-up of addresses that knows those of hostaddr.
func lookUp(known map[string]string, others pgconn.LookupFunc) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		if address, ok := known[host]; ok {
			return []string{address}, nil
		}
		return others(ctx, host)
	}
}
