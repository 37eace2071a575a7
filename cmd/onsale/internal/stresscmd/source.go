package stresscmd

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"onsale/internal/endpoint"
	"onsale/internal/stress/scenario"
	"onsale/internal/stress/scenariofile"
	"onsale/internal/stress/session"
	"onsale/internal/stress/suggest"
	"onsale/internal/stress/wire"
)

// maxRedirects is more than any browser follows.
const maxRedirects = 20

// defaultHost is what the built-in scenarios storm unless told otherwise.
const defaultHost = "http://127.0.0.1:8000"

// source is what users do, and where.
type source struct {
	session.Source
	target *wire.Target
	wire   wire.Options
	notes  []string
}

// newSource reads what the options say that users do.
func newSource(c *RunCommand, so scenariofile.Options) (*source, error) {
	given := 0
	for _, text := range []string{c.URL, c.Curl, c.Scenario} {
		if text != "" {
			given++
		}
	}
	plainOnly := c.Method != "" || c.Body != "" || len(c.Header) > 0
	switch {
	case given > 1:
		return nil, errors.New("only one of URL, --curl and --scenario can be given")
	case plainOnly && c.URL == "":
		return nil, errors.New("--method, --header and --body belong to a plain request, so a URL must be given")
	case strings.Contains(c.Host, ": "):
		return nil, errors.New("-H is --host, as in Locust; --header gives a header")
	case c.URL != "" && c.Host != "":
		return nil, errors.New("--host must not be given beside a URL, which names the host")
	case c.URL != "" && c.URL != "localhost" && !strings.ContainsAny(c.URL, ":/."):
		return nil, fmt.Errorf("%q is no URL, and no command of onsale stress%s", endpoint.Shown(c.URL), suggest.Among(c.URL, []string{"run", "list", "show", "compare"}))
	case c.Prepare && (c.URL != "" || c.Curl != ""):
		return nil, errors.New("--prepare makes concerts for the built-in scenarios, and has none to make here")
	case c.Redirects < 0 || c.Redirects > maxRedirects:
		return nil, fmt.Errorf("--redirects must be between 0 and %d", maxRedirects)
	}
	s := &source{wire: wire.Options{Timeout: c.Timeout, NewConnections: c.NewConnections, Redirects: c.Redirects}}
	spec, builtin := scenario.Find(cmp.Or(c.Scenario, scenario.Builtin()[0].Name))
	if c.URL == "" && c.Curl == "" && builtin {
		instance := spec.New()
		s.Scenario, s.Instance = instance.Scenario, instance
		err := s.aim(c, defaultHost, c.Insecure)
		return s, err
	}
	text, err := definitionOf(c, so)
	if err != nil {
		return nil, err
	}
	if text.Timeout != 0 && c.Timeout == 0 {
		s.wire.Timeout = text.Timeout
	}
	s.wire.Redirects = max(s.wire.Redirects, text.Redirects)
	s.notes = text.Warnings
	if err := s.aim(c, text.Host, c.Insecure || text.Insecure); err != nil {
		return nil, err
	}
	s.Scenario = text.Scenario(s.target)
	if c.Scenario == "" { // a plain request, which has no better name
		s.Scenario.Name, s.Scenario.SpawnAtOnce = text.Summary, true
	}
	return s, nil
}

// definitionOf reads the plain request, the curl command or the scenario file.
func definitionOf(c *RunCommand, so scenariofile.Options) (*scenariofile.Definition, error) {
	switch {
	case c.URL != "":
		return scenariofile.FromURL(scenariofile.Plain{URL: c.URL, Method: c.Method, Header: c.Header, Body: c.Body, ContentType: contentType(c.Body)}, so)
	case c.Curl != "":
		return scenariofile.FromCurl(c.Curl, so)
	case !slices.Contains([]string{".yaml", ".yml"}, strings.ToLower(filepath.Ext(c.Scenario))):
		var names []string
		for _, spec := range scenario.Builtin() {
			names = append(names, spec.Name)
		}
		return nil, fmt.Errorf("--scenario must be one of %s, or a file that ends in .yaml, not %q%s", strings.Join(names, ", "), endpoint.Shown(c.Scenario), suggest.Among(c.Scenario, names))
	default:
		return scenariofile.Load(c.Scenario, so)
	}
}

// contentType is what a body is sent as unless a header says so: JSON if it
// begins so, and else a form, as curl has it.
func contentType(body string) string {
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") || strings.HasSuffix(body, ".json") {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// aim fills in where the requests go.
func (s *source) aim(c *RunCommand, host string, insecure bool) error {
	host = cmp.Or(c.Host, host)
	if host == "" {
		return errors.New("--host must be given: the scenario names none")
	}
	var err error
	if s.target, err = wire.ParseTarget(host); err != nil {
		return fmt.Errorf("--host: %w", err)
	}
	s.wire.TLS, err = trust(c.CACert, insecure)
	return err
}

// trust returns which certificates are good; nil is the system's choice.
func trust(caCert string, insecure bool) (*tls.Config, error) {
	if caCert == "" && !insecure {
		return nil, nil //nolint:nilnil // the zero value of an option
	}
	trusted := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: insecure} //nolint:gosec // --insecure asks for it
	if caCert != "" {
		text, err := os.ReadFile(caCert)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		if trusted.RootCAs = x509.NewCertPool(); !trusted.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--cacert: %s has no certificate in PEM form", caCert)
		}
	}
	return trusted, nil
}
