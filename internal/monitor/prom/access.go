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

// Access is how scrapes of the built-in job authenticate. It applies to all targets.
// Secrets are in files. Passwords and tokens are read again for every scrape, and TLS
// files when they change.
type Access struct {
	// Username and PasswordFile are for basic authentication.
	Username, PasswordFile string
	// BearerFile contains a token. It replaces a user name and a password.
	BearerFile string
	// CAFile contains the trusted certificate authorities, as PEM. It replaces the
	// system's.
	CAFile string
	// CertFile and KeyFile contain the client certificate, as PEM.
	CertFile, KeyFile string
	// ServerName is the expected name in the certificate of a target. It replaces the
	// host in the URL.
	ServerName string
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool
}

// maxSecret limits the length of a password or token, in bytes.
const maxSecret = 64 << 10

// validate returns an error that names the first flag that is wrong for these targets.
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
		return errors.New("--target-username must not contain a colon; put the password into --target-password-file")
	case a.Username != "" && a.PasswordFile == "":
		return errors.New("--target-username needs --target-password-file")
	case a.PasswordFile != "" && a.Username == "":
		return errors.New("--target-password-file needs --target-username")
	case a.Username != "" && a.BearerFile != "":
		return errors.New("use either --target-username or --target-bearer-token-file, not both")
	case a.CertFile != "" && a.KeyFile == "":
		return errors.New("--target-cert-file needs --target-key-file")
	case a.KeyFile != "" && a.CertFile == "":
		return errors.New("--target-key-file needs --target-cert-file")
	case flag != "" && https == 0:
		return fmt.Errorf("%s is for targets with https://, and no --target begins with that", flag)
	}
	return nil
}

// tlsFlag returns the first given flag that needs TLS, or an empty string.
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

// apply sets the files in the HTTP client configuration of a job. It reads all files
// once, so that mistakes are found at start. Errors name the flag.
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

// readSecret reads a password or token file.
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
