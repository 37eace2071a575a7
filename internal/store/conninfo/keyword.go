package conninfo

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// treatment is how Parse handles a keyword.
type treatment uint8

const (
	// used keywords are passed to the driver.
	used treatment = iota
	// ignored keywords have no effect here, and do not protect anything.
	ignored
	// adjusted keywords are applied here, because the driver does not support them.
	adjusted
	// refused keywords require protection that the driver does not give.
	refused
)

// keywords are those of libpq, up to PostgreSQL 18, of pgx, and of other drivers and
// frameworks. Any other name is a run-time parameter, which the server accepts or
// rejects.
var keywords = treatments(map[treatment]string{
	used: `host port dbname user password passfile connect_timeout options application_name target_session_attrs
		sslmode sslnegotiation sslcert sslkey sslpassword sslcertmode sslrootcert sslsni channel_binding require_auth
		krbsrvname krbspn service servicefile min_protocol_version max_protocol_version tcp_user_timeout
		default_query_exec_mode statement_cache_capacity description_cache_capacity pool_max_conns pool_min_conns
		pool_min_idle_conns pool_max_conn_lifetime pool_max_conn_lifetime_jitter pool_max_conn_idle_time
		pool_health_check_period pool_ping_timeout
		pgbouncer`,
	adjusted: `hostaddr fallback_application_name ssl requiressl ssl_min_protocol_version ssl_max_protocol_version
		gssencmode client_encoding replication`,
	refused: `sslcrl sslcrldir requirepeer scram_client_key scram_server_key sslaccept sslidentity sslfactory`,
	ignored: `keepalives keepalives_idle keepalives_interval keepalives_count sslcompression sslkeylogfile gsslib
		gssdelegation load_balance_hosts oauth_issuer oauth_client_id oauth_client_secret oauth_scope oauth_ca_file
		tty authtype

		driver plugin async_fallback prepared_statement_cache_size prepared_statement_name_func command_timeout
		statement_cache_size max_cached_statement_lifetime max_cacheable_statement_size pool_size max_overflow
		pool_recycle pool_pre_ping
		schema connection_limit pool_timeout socket_timeout supa workaround
		adapter encoding pool reconnect prepared_statements checkout_timeout idle_timeout reaping_frequency
		conn_max_age conn_health_checks
		binary_parameters disable_prepared_binary_result
		max min uselibpqcompat idletimeoutmillis connectiontimeoutmillis query_timeout keepalive
		tcpkeepalive preparethreshold preparedstatementcachequeries preparedstatementcachesizemib
		rewritebatchedinserts stringtype binarytransfer sockettimeout logintimeout connecttimeout cancelsignaltimeout
		defaultrowfetchsize loadbalancehosts targetservertype currentschema`,
})

// aliases are other names of a keyword.
var aliases = map[string]string{"database": "dbname", "applicationname": "application_name"}

func treatments(lists map[treatment]string) map[string]treatment {
	all := make(map[string]treatment)
	for t, names := range lists {
		for name := range strings.FieldsSeq(names) {
			all[name] = t
		}
	}
	return all
}

// modeTwice is not a keyword. It records that sslmode was given twice, with different
// values.
const modeTwice = "sslmode twice"

// add adds a setting under its usual name. If a setting is given twice, the last one
// counts, as in libpq.
func (s settings) add(name, value string, jdbc bool) {
	if lower := strings.ToLower(name); aliases[lower] != "" {
		name = aliases[lower]
	} else if _, known := keywords[lower]; known {
		name = lower
	}
	if jdbc && name == "ssl" && isTrue(value) {
		value = "verify-full" // the meaning of ssl=true in Java's driver
	}
	if name == "sslmode" && value == "no-verify" {
		value = "require" // the meaning of no-verify in Node's drivers
	}
	if before, set := s[name]; set && before != value && name == "sslmode" {
		s[modeTwice] = value
	}
	s[name] = value
}

// sort removes the settings that the driver must not see. It records adjustments, and
// returns the sorted names of ignored settings.
func (s settings) sort(after *adjustments) (names []string, err error) {
	for name, value := range s {
		switch keywords[name] {
		case used:
			continue
		case ignored:
			names = append(names, name)
		case refused:
			return nil, fmt.Errorf("%s is not supported: remove it%s", name, instead[name])
		case adjusted:
			isIgnored, err := s.adjust(name, value, after)
			if err != nil {
				return nil, err
			}
			if isIgnored {
				names = append(names, name)
			}
		}
		delete(s, name)
	}
	slices.Sort(names)
	return names, nil
}

// instead suggests a replacement for refused keywords.
var instead = map[string]string{
	"scram_client_key": ", and use the password", "scram_server_key": ", and use the password",
	"sslaccept": ", and write sslmode=verify-full", "sslidentity": ", and write sslcert and sslkey",
	"sslfactory": ", and write sslmode",
}

// adjust applies a keyword that the driver does not support. It reports whether the
// keyword is ignored.
func (s settings) adjust(name, value string, after *adjustments) (isIgnored bool, err error) {
	switch name {
	case "hostaddr":
		return false, s.takeAddresses(value, after)
	case "fallback_application_name":
		after.name = value
	case "ssl", "requiressl":
		return s.takeSSL(name, value)
	case "ssl_min_protocol_version":
		after.minTLS, err = tlsVersion(name, value)
	case "ssl_max_protocol_version":
		after.maxTLS, err = tlsVersion(name, value)
	case "gssencmode":
		if value == "require" {
			return false, errors.New("gssencmode=require is not supported: write sslmode=verify-full, which encrypts too")
		}
		return true, nil
	case "client_encoding":
		if plain := strings.ReplaceAll(strings.ToLower(value), "-", ""); plain != "utf8" && plain != "auto" && plain != "unicode" {
			return false, errors.New("client_encoding must be UTF8: change it or remove it")
		}
		return true, nil
	case "replication":
		if !isFalse(value) {
			return false, errors.New("replication must be removed: a replication connection cannot sell")
		}
		return true, nil
	}
	return false, err
}

// takeSSL converts ssl=true, or ssl=MODE as some drivers accept it, to sslmode.
func (s settings) takeSSL(name, value string) (isIgnored bool, err error) {
	mode := value
	switch {
	case isTrue(value):
		mode = "require"
	case isFalse(value):
		return true, nil
	case !slices.Contains([]string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, value):
		return false, fmt.Errorf("%s must be true or false: change it, or use sslmode instead", name)
	}
	switch given := s["sslmode"]; {
	case given == "":
		s["sslmode"] = mode
	case given != mode && (mode != "require" || !strings.HasPrefix(given, "verify-")):
		return false, fmt.Errorf("%s and sslmode contradict each other: remove %s", name, name)
	}
	return false, nil
}

// takeAddresses records the addresses of the hosts. If there are no hosts, the addresses
// become the hosts.
func (s settings) takeAddresses(list string, after *adjustments) error {
	addresses := strings.Split(list, ",")
	for _, address := range addresses {
		if _, err := netip.ParseAddr(address); err != nil && address != "" {
			return errors.New("hostaddr must be an IP address")
		}
	}
	hosts := strings.Split(s["host"], ",")
	if s["host"] == "" {
		s["host"] = list
		return nil
	}
	if len(hosts) != len(addresses) {
		return errors.New("hostaddr must have one address for each host")
	}
	after.addresses = make(map[string]string)
	for i, address := range addresses {
		if address != "" {
			after.addresses[hosts[i]] = address
		}
	}
	return nil
}

func isTrue(value string) bool {
	return slices.Contains([]string{"true", "1", "on", "yes"}, strings.ToLower(value))
}

func isFalse(value string) bool {
	return slices.Contains([]string{"false", "0", "off", "no"}, strings.ToLower(value))
}
