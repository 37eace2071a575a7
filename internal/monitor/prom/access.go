package prom

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	httpconfig "github.com/prometheus/common/config"

	"onsale/internal/endpoint"
)

// Access says how the built-in job gets into its targets; all of it holds for all of
// them. What is secret is in files, which are read anew for every scrape or, those of
// TLS, when they have changed.
type Access struct {
	// Username and PasswordFile are those of basic authentication.
	Username, PasswordFile string
	// BearerFile holds a token, in place of a user and a password.
	BearerFile string
	// CAFile holds the certificates of the authorities that are trusted, as PEM, in
	// place of the system's.
	CAFile string
	// CertFile and KeyFile hold the certificate that the scrapes show, as PEM.
	CertFile, KeyFile string
	// ServerName is the name that the certificate of a target must have, in place of
	// that in its URL.
	ServerName string
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool
}

// maxSecret limits a password and a token, in bytes.
const maxSecret = 64 << 10

// validate returns an error that names the first flag that makes no sense, beside
// these targets.
func (a Access) validate(targets []string) error {
	flag := a.tlsFlag()
	isHTTPS := func(target string) bool { return strings.HasPrefix(strings.ToLower(target), "https:") }
	https := 0
	for _, t := range targets {
		if isHTTPS(t) {
			https++
		}
	}
	switch {
	case len(targets) == 0 && a != Access{}:
		return errors.New("flags such as --target-ca-file need --target; a job of the configuration file has its own basic_auth, authorization and tls_config")
	case strings.Contains(a.Username, ":"):
		return errors.New("--target-username must not have a colon; the password belongs in --target-password-file")
	case a.Username != "" && a.PasswordFile == "":
		return errors.New("--target-username needs --target-password-file")
	case a.PasswordFile != "" && a.Username == "":
		return errors.New("--target-password-file needs --target-username")
	case a.Username != "" && a.BearerFile != "":
		return errors.New("either --target-username or --target-bearer-token-file may be given, not both")
	case a.CertFile != "" && a.KeyFile == "":
		return errors.New("--target-cert-file needs --target-key-file")
	case a.KeyFile != "" && a.CertFile == "":
		return errors.New("--target-key-file needs --target-cert-file")
	case flag != "" && https == 0:
		return fmt.Errorf("%s is for targets with https://, and no --target has that", flag)
	}
	return nil
}

// tlsFlag returns the first flag that only matters with TLS; nothing if none is given.
func (a Access) tlsFlag() string {
	switch {
	case a.CAFile != "":
		return "--target-ca-file"
	case a.CertFile != "":
		return "--target-cert-file"
	case a.ServerName != "":
		return "--target-server-name"
	case a.InsecureSkipVerify:
		return "--target-insecure-skip-verify"
	}
	return ""
}

// apply reads all files once, so that a wrong one is known at start, and has the
// client of a job use them. Errors name the flag.
func (a Access) apply(c *httpconfig.HTTPClientConfig) error {
	if a.BearerFile != "" {
		content, err := readSecret(a.BearerFile)
		if err == nil && len(bytes.TrimSpace(content)) == 0 {
			err = fmt.Errorf("%s is empty", a.BearerFile)
		}
		if err != nil {
			return fmt.Errorf("--target-bearer-token-file: %w", err)
		}
		c.Authorization = &httpconfig.Authorization{Type: "Bearer", CredentialsFile: a.BearerFile}
	}
	if a.Username != "" {
		if _, err := readSecret(a.PasswordFile); err != nil {
			return fmt.Errorf("--target-password-file: %w", err)
		}
		c.BasicAuth = &httpconfig.BasicAuth{Username: a.Username, PasswordFile: a.PasswordFile}
	}
	for flags, part := range map[string]httpconfig.TLSConfig{
		"--target-ca-file":                         {CAFile: a.CAFile},
		"--target-cert-file and --target-key-file": {CertFile: a.CertFile, KeyFile: a.KeyFile},
	} {
		if _, err := httpconfig.NewTLSConfig(&part); err != nil {
			return fmt.Errorf("%s: %w", flags, oneLine(err))
		}
	}
	c.TLSConfig = httpconfig.TLSConfig{
		CAFile: a.CAFile, CertFile: a.CertFile, KeyFile: a.KeyFile,
		ServerName: a.ServerName, InsecureSkipVerify: a.InsecureSkipVerify,
	}
	return nil
}

// readSecret reads a file with a password or a token.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(content) > maxSecret {
		err = fmt.Errorf("%s has more than %d bytes", endpoint.Shown(path), maxSecret)
	}
	return content, err
}
