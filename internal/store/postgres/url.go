package postgres

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"onsale/internal/store/transport"
)

// connectTimeout ends an attempt to connect unless the URL says otherwise: long
// enough for a TLS handshake across a continent.
const connectTimeout = 2 * time.Second

// keepAlive notices within half a minute that a server is gone, also while a
// migration waits for its answer without a limit.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 4}

// errMalformed shows no part of the URL: where it is malformed, the password
// may stand anywhere.
var errMalformed = errors.New("it must look like postgres://USER:PASSWORD@HOST:5432/DATABASE, " +
	"with special characters of the password percent-encoded")

// parseURL reads a connection URL, of one host or of several. Its errors never
// show the URL or a secret of it.
func parseURL(text string) (*pgxpool.Config, error) {
	query, err := checkURL(text)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("it cannot be used: %s", reason(err, text, query))
	}
	if severalHosts(config) && !query.Has("target_session_attrs") {
		// Among several hosts it is the primary that sells.
		separator := "?"
		if strings.Contains(text, "?") {
			separator = "&"
		}
		return parseURL(text + separator + "target_session_attrs=read-write")
	}
	if !query.Has("connect_timeout") {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	config.ConnConfig.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	transport.RequireTLS(&config.ConnConfig.Config, query.Get("sslmode"))
	return config, nil
}

// checkURL refuses a URL whose parts are not where they seem to be, before a
// piece of a password that was not encoded is taken for a host or a database
// and shown as such. It returns the settings behind the question mark.
func checkURL(text string) (url.Values, error) {
	_, rest, _ := strings.Cut(text, "://")
	address, settings, _ := strings.Cut(rest, "?")
	authority, database, _ := strings.Cut(address, "/")
	credentials, _, hasCredentials := strings.Cut(authority, "@")
	query, err := url.ParseQuery(settings)
	switch {
	case err != nil,
		strings.ContainsAny(text, "# \t\r\n"),
		strings.Count(rest, "@") > 1, !hasCredentials && strings.Contains(rest, "@"),
		strings.ContainsAny(database, "/:"),
		hasCredentials && strings.Count(credentials, ":") > 1,
		authority == "" && query.Get("host") == "",
		!validPorts(authority):
		return nil, errMalformed
	}
	if _, err := url.PathUnescape(address); err != nil {
		return nil, errMalformed
	}
	return query, nil
}

// validPorts reports whether what follows the hosts are numbers: a password
// without a user before it would stand there.
func validPorts(authority string) bool {
	if _, hosts, found := strings.Cut(authority, "@"); found {
		authority = hosts
	}
	for host := range strings.SplitSeq(authority, ",") {
		_, port, found := strings.Cut(host[strings.LastIndex(host, "]")+1:], ":")
		if found && strings.Trim(port, "0123456789") != "" {
			return false
		}
	}
	return true
}

func severalHosts(config *pgxpool.Config) bool {
	for _, other := range config.ConnConfig.Fallbacks {
		if other.Host != config.ConnConfig.Host || other.Port != config.ConnConfig.Port {
			return true
		}
	}
	return false
}

// reason returns the driver's message without the URL that it quotes and
// without any secret of it.
func reason(err error, text string, query url.Values) string {
	message := err.Error()
	if _, after, found := strings.Cut(message, "`: "); found {
		message = after
	}
	secrets := []string{query.Get("password"), query.Get("sslpassword")}
	if u, err := url.Parse(text); err == nil {
		password, _ := u.User.Password()
		secrets = append(secrets, password, url.QueryEscape(password), url.PathEscape(password))
	}
	for _, secret := range secrets {
		if secret != "" {
			message = strings.ReplaceAll(message, secret, "xxxxx")
		}
	}
	return message
}
