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

// maxRedirects bounds --redirects. 20 is what browsers follow at most.
const maxRedirects = 20

// defaultHost is the target of the built-in scenarios without --host.
const defaultHost = "http://127.0.0.1:8000"

// source is what simulated users do, and the server that they call.
type source struct {
	session.Source
	target *wire.Target
	wire   wire.Options
	notes  []string
}

// newSource returns the source that the flags name: a built-in scenario, a scenario file or a plain request.
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
		return nil, errors.New("set only one of URL, --curl and --scenario")
	case plainOnly && c.URL == "":
		return nil, errors.New("--method, --header and --body need a URL, because they are options of a plain request")
	case strings.Contains(c.Host, ": "):
		return nil, errors.New("-H is --host, as in Locust; use --header for a header")
	case c.URL != "" && c.Host != "":
		return nil, errors.New("--host must be left out if there is a URL, because the URL names the host")
	case c.URL != "" && c.URL != "localhost" && !strings.ContainsAny(c.URL, ":/."):
		return nil, fmt.Errorf("%q is neither a URL nor a command of onsale stress%s", endpoint.Shown(c.URL), suggest.Among(c.URL, []string{"run", "list", "show", "compare"}))
	case c.Prepare && (c.URL != "" || c.Curl != ""):
		return nil, errors.New("--prepare needs a built-in scenario, because it creates the concerts of that scenario")
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
		return nil, fmt.Errorf("--scenario must be one of %s or a .yaml file, not %q%s", strings.Join(names, ", "), endpoint.Shown(c.Scenario), suggest.Among(c.Scenario, names))
	default:
		return scenariofile.Load(c.Scenario, so)
	}
}

// contentType returns the default Content-Type of a body: JSON if the body starts like
// JSON, and otherwise that of a form, as in curl.
func contentType(body string) string {
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") || strings.HasSuffix(body, ".json") {
		return "application/json"
	}
	return "application/x-www-form-urlencoded"
}

// aim sets the target of the requests.
func (s *source) aim(c *RunCommand, host string, insecure bool) error {
	host = cmp.Or(c.Host, host)
	if host == "" {
		return errors.New("--host must be set, because the scenario names no host")
	}
	var err error
	if s.target, err = wire.ParseTarget(host); err != nil {
		return fmt.Errorf("--host: %w", err)
	}
	s.wire.TLS, err = trust(c.CACert, insecure)
	return err
}

// trust returns the TLS settings of --cacert and --insecure; nil is the system's.
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
			return nil, fmt.Errorf("--cacert: %s must contain a certificate in PEM format, but does not", caCert)
		}
	}
	return trusted, nil
}
