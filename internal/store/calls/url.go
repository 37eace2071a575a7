package calls

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/store/transport"
)

const (
	// connectTimeout ends an attempt to connect unless the URL says otherwise.
	connectTimeout = 2 * time.Second
	// statementTimeout makes the server give up before the client does, so that
	// no statement goes on behind its back.
	statementTimeout = "4s"
)

// errURL is what is said of any URL that cannot be used: the driver's own words
// may quote a part of it, and with it the password.
var errURL = errors.New("it must look like postgres://USER:PASSWORD@HOST:5432/DATABASE, with special characters of the " +
	"password percent-encoded and only settings that PostgreSQL knows")

// parseURL reads a connection URL.
func parseURL(text string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" && !u.Query().Has("host") {
		return nil, errURL
	}
	query := u.Query()
	if strings.Contains(u.Host, ",") && !query.Has("target_session_attrs") {
		query.Set("target_session_attrs", "read-write") // among several hosts, the primary
		u.RawQuery = query.Encode()
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, errURL
	}
	if !query.Has("connect_timeout") {
		config.ConnectTimeout = connectTimeout
	}
	transport.RequireTLS(&config.Config, query.Get("sslmode"))
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "onsale automate"
	}
	if !query.Has("default_query_exec_mode") {
		config.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler may lend each statement another session
	}
	transport.TakePooler(config.RuntimeParams)
	return config, nil
}
