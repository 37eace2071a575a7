package conninfo_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"onsale/internal/store/conninfo"
)

// TestTolerance parses connection strings with surrounding text, and with raw characters
// that can be read in only one way. Each must give the same result as a plain URL.
func TestTolerance(t *testing.T) {
	t.Parallel()
	const plain = "ada s3cr3t db.example.com 5432 sale"
	for text, want := range map[string]string{
		"postgres://ada:s3cr3t@db.example.com:5432/sale":                                       plain,
		"postgres://ada:s3cr3t@db.example.com/sale\n":                                          plain,
		" \tpostgresql://ada:s3cr3t@db.example.com/sale\r\n":                                   plain,
		"\ufeffpostgres://ada:s3cr3t@db.example.com/sale":                                      plain,
		"\u200bpostgres://ada:s3cr3t@db.example.com/sale\u00a0":                                plain,
		`"postgres://ada:s3cr3t@db.example.com/sale"`:                                          plain,
		"'postgres://ada:s3cr3t@db.example.com/sale'\n":                                        plain,
		"DATABASE_URL=postgres://ada:s3cr3t@db.example.com/sale":                               plain,
		`export DATABASE_URL="postgres://ada:s3cr3t@db.example.com/sale"`:                      plain,
		"psql 'postgres://ada:s3cr3t@db.example.com/sale'":                                     plain,
		`psql -d "host=db.example.com user=ada password=s3cr3t dbname=sale"`:                   plain,
		"postgresql+psycopg2://ada:s3cr3t@db.example.com/sale":                                 plain,
		"postgresql+asyncpg://ada:s3cr3t@db.example.com/sale":                                  plain,
		"PostgreSQL+PG8000://ada:s3cr3t@db.example.com/sale":                                   plain,
		"POSTGRES://ada:s3cr3t@db.example.com/sale":                                            plain,
		"jdbc:postgresql://db.example.com:5432/sale?user=ada&password=s3cr3t":                  plain,
		"postgis://ada:s3cr3t@db.example.com/sale":                                             plain,
		"host=db.example.com port=5432 user=ada password=s3cr3t dbname=sale":                   plain,
		"host = 'db.example.com' user=ada password='s3cr3t' database=sale\n":                   plain,
		"postgres://ada:s3cr3t@db.example.com/s%61le":                                          plain,
		"postgres://ada:s3cr3t@localhost:5432/sale?host=db.example.com":                        plain,
		"postgres:///sale?host=db.example.com&user=ada&password=s3cr3t":                        plain,
		"postgresql+psycopg2://ada:s3cr3t@/sale?host=one:1&host=two:2":                         "ada s3cr3t one 1 sale",
		"postgres://ada:s3cr3t@one,two:5433/sale":                                              "ada s3cr3t one 5432 sale",
		"postgres://ada:s3cr3t@[::1]:5433/sale":                                                "ada s3cr3t ::1 5433 sale",
		"postgres://ada:s3cr3t@%2Fvar%2Frun%2Fpostgresql/sale":                                 "ada s3cr3t /var/run/postgresql 5432 sale",
		"postgres://ada:s3cr3t@localhost/sale?host=/cloudsql/project:region:db":                "ada s3cr3t /cloudsql/project:region:db 5432 sale",
		"postgres://ada:s3c:r3t@db.example.com/sale":                                           "ada s3c:r3t db.example.com 5432 sale",
		"postgres://ada:s3c@r3t@db.example.com/sale":                                           "ada s3c@r3t db.example.com 5432 sale",
		"postgres://ada:s3c/r3t@db.example.com/sale":                                           "ada s3c/r3t db.example.com 5432 sale",
		"postgres://ada:s3c#r3t@db.example.com/sale":                                           "ada s3c#r3t db.example.com 5432 sale",
		"postgres://ada:s3c?r3t@db.example.com/sale":                                           "ada s3c?r3t db.example.com 5432 sale",
		"postgres://ada:s3c?a=b&c@db.example.com/sale":                                         "ada s3c?a=b&c db.example.com 5432 sale",
		"postgres://ada:s3c%r3t@db.example.com/sale":                                           "ada s3c%r3t db.example.com 5432 sale",
		"postgres://ada:100%@db.example.com/sale":                                              "ada 100% db.example.com 5432 sale",
		"postgres://ada:s3c%40r3t@db.example.com/sale":                                         "ada s3c@r3t db.example.com 5432 sale",
		"postgres://ada:s3c+r3t@db.example.com/sale":                                           "ada s3c+r3t db.example.com 5432 sale",
		"postgres://ada:a@b/c:d#e?f@g@db.example.com:5432/sale?sslmode=require":                "ada a@b/c:d#e?f@g db.example.com 5432 sale",
		"postgres://ada:[s3c]{r3t}^|\\'\"@db.example.com/sale":                                 "ada [s3c]{r3t}^|\\'\" db.example.com 5432 sale",
		"postgres://ada@srv:s3cr3t@srv.postgres.database.azure.com/sale":                       "ada@srv s3cr3t srv.postgres.database.azure.com 5432 sale",
		"postgres://ada@srv:s3c@r3t@srv.postgres.database.azure.com:5432/sale?sslmode=require": "ada@srv s3c@r3t srv.postgres.database.azure.com 5432 sale",
		"postgres://ada%40srv:s3cr3t@srv.postgres.database.azure.com/sale":                     "ada@srv s3cr3t srv.postgres.database.azure.com 5432 sale",
		"postgres://db.example.com/sale?user=ada@srv&password=s3cr3t":                          "ada@srv s3cr3t db.example.com 5432 sale",
		"postgres://ada:s3cr3t@db.example.com/sale?application_name=me@home":                   plain,
		"postgres://ada:s3cr3t@db.example.com/sale?":                                           plain,
		"host=db.example.com user=ada password='s3c r3t\\'\\\\' dbname=sale":                   "ada s3c r3t'\\ db.example.com 5432 sale",
	} {
		config, _, err := conninfo.Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		c := config.ConnConfig
		if got := fmt.Sprintf("%s %s %s %d %s", c.User, c.Password, c.Host, c.Port, c.Database); got != want {
			t.Errorf("%q is parsed as\n%s, want\n%s", text, got, want)
		}
	}
}

// TestHints expects errors that name the wrong part and show no secret.
func TestHints(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                                                    "empty",
		" \r\n":                                                               "empty",
		`""`:                                                                  "empty",
		"hUNTER2":                                                             "must begin with postgres://",
		"mysql://uSER1:hUNTER2@host/db?a=b":                                   "must begin with postgres://",
		"sqlite:///hUNTER2.db":                                                "must begin with postgres://",
		"postgres:/uSER1:hUNTER2@host/db":                                     "must begin with postgres://",
		"postgres://":                                                         "the host is missing",
		"postgres://uSER1:hUNTER2@/db":                                        "the host is missing",
		"user=uSER1 password=hUNTER2":                                         "the host is missing",
		"postgres://uSER1:hUNTER2@host:port/db":                               "the port must be a number",
		"postgres://uSER1:hUNTER2":                                            "'@' between password and host is missing",
		"postgres://uSER1:hUNTER2/db":                                         "'@' between password and host is missing",
		"postgres://uSER1:hUN\nTER2@host/db":                                  "line break",
		"postgres://uSER1:hUN\x00TER2@host/db":                                "control character",
		"postgres://uSER1:hUNTER2@host/db#x":                                  "the database's name has a raw '#': write it as %23",
		"postgres://uSER1:hUNTER2@host/d/b":                                   "the database's name has a raw '/': write it as %2F",
		"postgres://uSER1:hUNTER2@host/db # hi":                               "the database's name has a raw '#'",
		"postgres://uSER1:hUNTER2@host/d%b":                                   "the database's name has a raw '%': write it as %25",
		"postgres://uSER1:hUN%41TER2%@host/db":                                "the password has a raw '%': write it as %25",
		"postgres://uSER1%41%:hUNTER2@host/db":                                "the user has a raw '%': write it as %25",
		"postgres://uSER1/x:hUNTER2@host/db":                                  "the user has a raw '/': write it as %2F",
		"postgres://uSER1:a@hUNTER2/c@host":                                   "can be read in two ways: write '@' as %40",
		"postgres://uSER1:12/hUNTER2@host":                                    "can be read in two ways",
		"postgres://uSER1:hUNTER2@ho st/db":                                   "the host has a character that is not allowed",
		"postgres://uSER1:hUNTER2@host/db?x":                                  "NAME=VALUE",
		"postgres://uSER1:hUNTER2@host/db?x y=":                               "NAME=VALUE",
		"host=h password='hUNTER2":                                            "a single quote is missing at the end of a value",
		"host=h uSER1 hUNTER2 a=b":                                            "keywords and values",
		"Server=h;User Id=uSER1;Password=hUNTER2;":                            "separated by blanks",
		"postgres://h/d?sslmode=maybe&password=hUNTER2":                       "sslmode",
		"postgres://h/d?target_session_attrs=best":                            "target_session_attrs",
		"postgres://h/d?connect_timeout=soon&sslpassword=hUNTER2":             "connect_timeout",
		"postgres://h/d?ssl=true&sslmode=disable":                             "contradict",
		"postgres://h/d?ssl=hUNTER2":                                          "ssl must be true",
		"postgres://h/d?gssencmode=require":                                   "gssencmode=require is not supported",
		"postgres://h/d?sslcrl=/hUNTER2":                                      "sslcrl is not supported",
		"postgres://h/d?requirepeer=postgres":                                 "requirepeer is not supported",
		"postgres://h/d?sslaccept=strict":                                     "write sslmode=verify-full",
		"postgres://h/d?ssl_max_protocol_version=TLSv1.1":                     "ssl_max_protocol_version",
		"postgres://h/d?ssl_min_protocol_version=2":                           "ssl_min_protocol_version must be TLSv1.2",
		"postgres://h/d?client_encoding=latin1":                               "client_encoding must be UTF8",
		"postgres://h/d?replication=database":                                 "replication must be removed",
		"postgres://h/d?hostaddr=hUNTER2":                                     "hostaddr must be an IP address",
		"postgres://h/d?require_auth=magic":                                   "require_auth",
		"postgres://h/d?channel_binding=sometimes":                            "channel_binding",
		"postgres://uSER1:hUNTER2@h/d?options=" + strings.Repeat("x", 20<<10): "at most 16384 bytes",
	} {
		_, _, err := conninfo.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, want an error with %q", text, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "uSER1") || strings.Contains(err.Error(), "hUN") || strings.Contains(err.Error(), "TER2")) {
			t.Errorf("%.80q: the error shows a secret: %v", text, err)
		}
	}
}

// libpqKeywords are the keywords of PostgreSQL 15 to 18, each with a valid value.
var libpqKeywords = map[string]string{
	"hostaddr": "127.0.0.1", "passfile": "/nowhere", "require_auth": "!password", "channel_binding": "prefer", "connect_timeout": "3",
	"client_encoding": "UTF8", "options": "-c geqo=off", "application_name": "me", "fallback_application_name": "me",
	"keepalives": "1", "keepalives_idle": "30", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "1000",
	"replication": "false", "gssencmode": "disable", "sslmode": "prefer", "requiressl": "0", "sslnegotiation": "postgres", "sslcompression": "0",
	"sslcertmode": "allow", "sslsni": "1", "sslkeylogfile": "/nowhere", "ssl_min_protocol_version": "TLSv1.2", "ssl_max_protocol_version": "TLSv1.3",
	"min_protocol_version": "3.0", "max_protocol_version": "latest", "krbsrvname": "postgres", "gsslib": "gssapi", "gssdelegation": "0",
	"oauth_issuer": "https://example.com", "oauth_client_id": "me", "oauth_client_secret": "hUNTER2", "oauth_scope": "all",
	"target_session_attrs": "any", "load_balance_hosts": "disable",
}

// foreignKeywords are keywords of other drivers and frameworks.
var foreignKeywords = map[string]string{
	"driver": "psycopg2", "prepared_statement_cache_size": "0", "schema": "public", "connection_limit": "5",
	"pool": "5", "conn_max_age": "60", "binary_parameters": "yes", "reWriteBatchedInserts": "true", "prepareThreshold": "0",
	"ApplicationName": "me", "ssl": "false", "uselibpqcompat": "true",
}

// TestKeywordsReachNoServer connects to a real server with each keyword. The server
// rejects unknown parameters, so none of the keywords can have been sent to it.
func TestKeywordsReachNoServer(t *testing.T) {
	t.Parallel()
	base := server.Database(t)
	query := "?"
	if strings.Contains(base, "?") {
		query = "&"
	}
	for _, list := range []map[string]string{libpqKeywords, foreignKeywords} {
		for name, value := range list {
			connects(t, base+query+name+"="+strings.ReplaceAll(value, " ", "%20"), "1", "SELECT '1'")
		}
	}
	connects(t, base+query+"lock_timeout=4321", "4321ms", "SHOW lock_timeout")
	connects(t, base+query+"search_path=onsale,public", "onsale,public", "SHOW search_path")
	connects(t, base+query+"options=-c%20lock_timeout%3D4322", "4322ms", "SHOW lock_timeout")
	connects(t, base+query+"fallback_application_name=mine", "mine", "SHOW application_name")
	connects(t, base+query+"fallback_application_name=mine&application_name=other", "other", "SHOW application_name")
	connects(t, base+query+"my.own=kept", "kept", "SHOW my.own")

	config, _, err := conninfo.Parse(base + query + "lock_time=1")
	if err != nil {
		t.Fatal(err)
	}
	if err := connect(t, config, "SELECT '1'", nil); err == nil || !strings.Contains(err.Error(), "lock_time") {
		t.Errorf("a misspelt parameter: %v, want an error that names it", err)
	}
}

// TestIgnoredSettings expects the names of ignored settings, and no others.
func TestIgnoredSettings(t *testing.T) {
	t.Parallel()
	_, ignored, err := conninfo.Parse("postgres://h/d?keepalives=1&gssencmode=disable&fallback_application_name=x&lock_timeout=1" +
		"&driver=psycopg2&sslmode=require&prepareThreshold=3&channel_binding=require&require_auth=scram-sha-256")
	if want := []string{"driver", "gssencmode", "keepalives", "preparethreshold"}; err != nil || !slices.Equal(ignored, want) {
		t.Errorf("ignored %v, %v, want %v", ignored, err, want)
	}
}

// TestProtectionIsKept parses settings that require protection, in every spelling.
func TestProtectionIsKept(t *testing.T) {
	t.Parallel()
	parse := func(settings string) (c *tls.Config, fallbacks int, binding, auth string) {
		config, _, err := conninfo.Parse(settings)
		if err != nil {
			t.Fatalf("%s: %v", settings, err)
		}
		conn := config.ConnConfig
		return conn.TLSConfig, len(conn.Fallbacks), conn.ChannelBinding, conn.RequireAuth
	}
	for text, verified := range map[string]bool{
		"postgres://h/d?sslmode=require":                  false,
		"postgres://h/d?ssl=true":                         false,
		"postgres://h/d?ssl=require":                      false,
		"postgres://h/d?requiressl=1":                     false,
		"postgres://h/d?ssl=verify-full":                  true,
		"postgres://h/d?ssl=true&sslmode=verify-full":     true,
		"jdbc:postgresql://h/d?ssl=true":                  true,
		"jdbc:postgresql://h/d?ssl=true&sslmode=":         true,
		"host=h sslmode=verify-full":                      true,
		"postgresql+asyncpg://h/d?ssl=verify-full&pool=1": true,
	} {
		config, fallbacks, _, _ := parse(text)
		if config == nil || fallbacks > 0 || config.InsecureSkipVerify == verified {
			t.Errorf("%s: TLS %v with %d fallbacks, want it required, and verified: %v", text, config != nil, fallbacks, verified)
		}
	}
	config, _, binding, auth := parse("postgres://h/d?sslmode=require&channel_binding=require&require_auth=scram-sha-256&ssl_min_protocol_version=TLSv1.3")
	if binding != "require" || auth != "scram-sha-256" || config.MinVersion != tls.VersionTLS13 {
		t.Errorf("channel binding %q, authentication %q, TLS %x", binding, auth, config.MinVersion)
	}
	if config, _, _, _ := parse("postgres://h/d?ssl_min_protocol_version=TLSv1"); config.MinVersion != tls.VersionTLS12 {
		t.Errorf("minimum TLS version %x, want 1.2", config.MinVersion)
	}
}

// TestModeGivenTwice expects that contradictory values of sslmode do not allow a public
// address without TLS.
func TestModeGivenTwice(t *testing.T) {
	t.Parallel()
	for settings, guarded := range map[string]bool{
		"": true, "?sslmode=": true, "?sslmode=require&sslmode=prefer": true, "?sslmode=verify-full&sslmode=prefer": true,
		"?sslmode=prefer": false, "?sslmode=prefer&sslmode=prefer": false, "?sslmode=disable": false, "?sslmode=require": false,
	} {
		config, _, err := conninfo.Parse("postgres://h/d" + settings)
		if err != nil {
			t.Fatal(err)
		}
		if got := config.ConnConfig.AfterNetConnect != nil; got != guarded {
			t.Errorf("%s: a public address without TLS is rejected: %v, want %v", settings, got, guarded)
		}
	}
}

// TestAddressOfAHost connects to hostaddr, whatever the name of the host resolves to.
func TestAddressOfAHost(t *testing.T) {
	t.Parallel()
	config, _, err := conninfo.Parse("host=one.invalid,two.invalid hostaddr=192.0.2.1,192.0.2.2 user=ada")
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{"one.invalid": "192.0.2.1", "two.invalid": "192.0.2.2"} {
		if got, err := config.ConnConfig.LookupFunc(t.Context(), host); err != nil || !slices.Equal(got, []string{want}) {
			t.Errorf("%s resolves to %v, %v, want %s", host, got, err, want)
		}
	}
	config, _, err = conninfo.Parse("postgres://ada@/sale?hostaddr=192.0.2.1")
	if err != nil || net.ParseIP(config.ConnConfig.Host) == nil {
		t.Errorf("an address without a host: %v", err)
	}
	if _, _, err := conninfo.Parse("host=one,two hostaddr=192.0.2.1"); err == nil {
		t.Error("one address for two hosts was accepted")
	}
}

// TestPasswordFromTheEnvironment removes a line break at the end of PGPASSWORD.
func TestPasswordFromTheEnvironment(t *testing.T) {
	t.Setenv("PGPASSWORD", "s3cr3t\n")
	config, _, err := conninfo.Parse("postgres://ada@h/d")
	if err != nil || config.ConnConfig.Password != "s3cr3t" {
		t.Errorf("%q, %v", config.ConnConfig.Password, err)
	}
}

// TestHostFromTheEnvironment takes the host from PGHOST, as libpq does.
func TestHostFromTheEnvironment(t *testing.T) {
	t.Setenv("PGHOST", "db.example.com")
	config, _, err := conninfo.Parse("postgres:///sale?sslmode=no-verify") // no-verify is Node's require
	if err != nil || config.ConnConfig.Host != "db.example.com" || config.ConnConfig.TLSConfig == nil || len(config.ConnConfig.Fallbacks) != 0 {
		t.Errorf("%v, want an encrypted connection to the host in PGHOST", err)
	}
}

// FuzzParse searches for strings that make Parse panic, or whose error shows the password.
func FuzzParse(f *testing.F) {
	f.Add("postgres://ada:", "", "", "@[::1]:5432/sale?sslmode=require&host=/tmp")
	f.Add("host=h password='", "a", "\\", "' user=ada")
	f.Add("psql 'postgres://ada@srv:", "@", "#", "@h,i:1/d%'")
	f.Add("jdbc:postgresql://h/d?password=", "%", "%41", "&ssl=true")
	f.Fuzz(func(t *testing.T, start, before, after, rest string) {
		const secret = "hUNTER2"
		config, _, err := conninfo.Parse(start + before + secret + after + rest)
		if err == nil && config == nil {
			t.Error("neither a configuration nor an error")
		}
		// In other places the word can be the value of a setting that is not secret.
		isPassword := (start == "postgres://ada:" || start == "psql 'postgres://ada@srv:") && !strings.Contains(before, "?")
		if err != nil && isPassword && strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", start+before+secret+after+rest, err)
		}
	})
}
