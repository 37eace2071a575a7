package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"
)

// Secret returns a secret from the environment, or nothing if it is not set. It removes
// white space around it: a Kubernetes Secret made with echo ends with a line break. A value
// of several lines, or of white space alone, is an error that names the variable.
func (e *Env) Secret(name string) (string, error) {
	given, _ := e.Lookup(name)
	value, err := trimSecret(name, given)
	if err == nil && value == "" && given != "" {
		err = fmt.Errorf("%s is set, but contains nothing but white space; set a value or unset it", name)
	}
	return value, err
}

// AdminToken returns the admin token from the file of --admin-token-file, or from
// ONSALE_ADMIN_TOKEN. It is an error if both are set.
func (e *Env) AdminToken(file string) (string, error) {
	token, err := e.Secret("ONSALE_ADMIN_TOKEN")
	if file == "" || err != nil {
		return token, err
	}
	if token != "" {
		return "", errors.New("--admin-token-file and ONSALE_ADMIN_TOKEN are both set: choose one")
	}
	return SecretFile("--admin-token-file", file)
}

// maxSecretFile limits a file with a secret, in bytes.
const maxSecretFile = 64 << 10

// TokenNamed reports whether the file with the admin token was named on the command line. One that
// the environment names may be another server's, as its token may be.
func (e *Env) TokenNamed(file string) bool {
	name, set := e.Lookup("ONSALE_ADMIN_TOKEN_FILE")
	return file != "" && (!set || kong.ExpandPath(name) != file)
}

// SecretFile returns the secret in the file that a flag names. An empty file is an error.
func SecretFile(flag, file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	defer func() { _ = f.Close() }() // the file was only read
	// A pipe or a device has no size, so that the limit must hold while reading.
	text, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	if len(text) > maxSecretFile {
		return "", fmt.Errorf("%s: %s must be at most %d bytes long", flag, file, maxSecretFile)
	}
	value, err := trimSecret(flag, string(text))
	if err == nil && value == "" {
		err = fmt.Errorf("%s: %s is empty", flag, file)
	}
	return value, err
}

// trimSecret removes white space, a byte order mark and other invisible characters around
// a secret. A secret with control characters inside is an error, which shows name but not
// the secret.
func trimSecret(name, value string) (string, error) {
	value = strings.TrimFunc(value, func(r rune) bool { return unicode.IsSpace(r) || unicode.In(r, unicode.Cc, unicode.Cf) })
	if strings.ContainsFunc(value, unicode.IsControl) {
		return "", fmt.Errorf("%s must be one line of text, but contains a line break or another control character inside", name)
	}
	return value, nil
}
