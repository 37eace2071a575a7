package postgres

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// connectTimeout ends an attempt to connect unless the URL says otherwise: long
// enough for a TLS handshake across a continent.
const connectTimeout = 2 * time.Second

// parseURL reads a connection URL. Its errors never show the URL or a part of
// it, since a malformed one may carry the password anywhere.
func parseURL(text string) (*pgxpool.Config, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" && u.Query().Get("host") == "" {
		return nil, errors.New("it must look like postgres://USER:PASSWORD@HOST:5432/DATABASE, with special characters of the password percent-encoded")
	}
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("it cannot be used: %s", reason(err, u))
	}
	query := u.Query()
	if !query.Has("connect_timeout") {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if len(config.ConnConfig.Fallbacks) > 0 && strings.Contains(u.Host, ",") && !query.Has("target_session_attrs") {
		// Among several hosts it is the primary that sells.
		query.Set("target_session_attrs", "read-write")
		u.RawQuery = query.Encode()
		return parseURL(u.String())
	}
	return config, nil
}

// reason returns the driver's message without the URL that it quotes and
// without any secret of it.
func reason(err error, u *url.URL) string {
	text := err.Error()
	if _, after, found := strings.Cut(text, "`: "); found {
		text = after
	}
	query := u.Query()
	secrets := []string{query.Get("password"), query.Get("sslpassword")}
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password, url.QueryEscape(password), url.PathEscape(password))
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "xxxxx")
		}
	}
	return text
}
