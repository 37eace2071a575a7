package conninfo

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// adjustments change the driver's configuration for keywords that the driver does not
// support.
type adjustments struct {
	// addresses are the IP addresses of hosts by name, from hostaddr.
	addresses map[string]string
	// name is fallback_application_name: the application name if no other is given.
	name string
	// minTLS and maxTLS are versions of TLS; 0 if not set.
	minTLS, maxTLS uint16
}

func (a adjustments) apply(config *pgconn.Config) error {
	if a.addresses != nil {
		config.LookupFunc = lookUp(a.addresses, config.LookupFunc)
	}
	if _, set := config.RuntimeParams["application_name"]; !set && a.name != "" {
		config.RuntimeParams["application_name"] = a.name
	}
	if a.maxTLS != 0 && a.maxTLS < max(a.minTLS, tls.VersionTLS12) {
		return errors.New("ssl_max_protocol_version must be at least TLSv1.2 and not below ssl_min_protocol_version")
	}
	a.limitTLS(config.TLSConfig)
	for _, fallback := range config.Fallbacks {
		a.limitTLS(fallback.TLSConfig)
	}
	return nil
}

func (a adjustments) limitTLS(config *tls.Config) {
	if config != nil {
		config.MinVersion, config.MaxVersion = max(a.minTLS, tls.VersionTLS12), a.maxTLS
	}
}

// tlsVersion parses a version of TLS in OpenSSL's notation.
func tlsVersion(name, value string) (uint16, error) {
	version, ok := map[string]uint16{
		"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
	}[value]
	if !ok {
		return 0, fmt.Errorf("%s must be TLSv1.2 or TLSv1.3", name)
	}
	return version, nil
}
