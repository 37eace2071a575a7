package app

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
	"onsale/internal/stress/guess"
	"onsale/internal/stress/scenario"
	"onsale/internal/stress/script"
	"onsale/internal/stress/session"
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
func newSource(o StressOptions, worker, workers int) (*source, error) {
	given := 0
	for _, text := range []string{o.URL, o.Curl, o.Scenario} {
		if text != "" {
			given++
		}
	}
	plainOnly := o.Method != "" || o.Body != "" || len(o.Header) > 0
	switch {
	case given > 1:
		return nil, errors.New("only one of URL, --curl and --scenario can be given")
	case plainOnly && o.URL == "":
		return nil, errors.New("--method, --header and --body belong to a plain request, so a URL must be given")
	case strings.Contains(o.Host, ": "):
		return nil, errors.New("-H is --host, as in Locust; --header gives a header")
	case o.URL != "" && o.Host != "":
		return nil, errors.New("--host must not be given beside a URL, which names the host")
	case o.URL != "" && o.URL != "localhost" && !strings.ContainsAny(o.URL, ":/."):
		return nil, fmt.Errorf("%q is no URL, and no command of onsale stress%s", endpoint.Shown(o.URL), guess.Among(o.URL, []string{"run", "list", "show", "compare"}))
	case o.Prepare && (o.URL != "" || o.Curl != ""):
		return nil, errors.New("--prepare makes concerts for the built-in scenarios, and has none to make here")
	case o.Redirects < 0 || o.Redirects > maxRedirects:
		return nil, fmt.Errorf("--redirects must be between 0 and %d", maxRedirects)
	}
	s := &source{wire: wire.Options{Timeout: o.Timeout, NewConnections: o.NewConnections, Redirects: o.Redirects}}
	spec, builtin := scenario.Find(cmp.Or(o.Scenario, scenario.Builtin()[0].Name))
	if o.URL == "" && o.Curl == "" && builtin {
		instance := spec.New()
		s.Scenario, s.Instance = instance.Scenario, instance
		err := s.aim(o, defaultHost)
		return s, err
	}
	text, err := scriptOf(o, script.Options{Env: o.Env, Worker: worker, Workers: workers})
	if err != nil {
		return nil, err
	}
	if text.Timeout != 0 && o.Timeout == 0 {
		s.wire.Timeout = text.Timeout
	}
	s.wire.Redirects = max(s.wire.Redirects, text.Redirects)
	s.notes = text.Warnings
	o.Insecure = o.Insecure || text.Insecure
	if err := s.aim(o, text.Host); err != nil {
		return nil, err
	}
	s.Scenario = text.Scenario(s.target)
	if o.Scenario == "" { // a plain request, which has no better name
		s.Scenario.Name, s.Scenario.SpawnAtOnce = text.Summary, true
	}
	return s, nil
}

// scriptOf reads the plain request, the curl command or the scenario file.
func scriptOf(o StressOptions, so script.Options) (*script.Script, error) {
	switch {
	case o.URL != "":
		return script.FromURL(script.Plain{URL: o.URL, Method: o.Method, Header: o.Header, Body: o.Body, ContentType: contentType(o.Body)}, so)
	case o.Curl != "":
		return script.FromCurl(o.Curl, so)
	case !slices.Contains([]string{".yaml", ".yml"}, strings.ToLower(filepath.Ext(o.Scenario))):
		var names []string
		for _, spec := range scenario.Builtin() {
			names = append(names, spec.Name)
		}
		return nil, fmt.Errorf("--scenario must be one of %s, or a file that ends in .yaml, not %q%s", strings.Join(names, ", "), endpoint.Shown(o.Scenario), guess.Among(o.Scenario, names))
	default:
		return script.Load(o.Scenario, so)
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
func (s *source) aim(o StressOptions, host string) error {
	host = cmp.Or(o.Host, host)
	if host == "" {
		return errors.New("--host must be given: the scenario names none")
	}
	var err error
	if s.target, err = wire.ParseTarget(host); err != nil {
		return fmt.Errorf("--host: %w", err)
	}
	s.wire.TLS, err = trust(o)
	return err
}

// trust returns which certificates are good; nil is the system's choice.
func trust(o StressOptions) (*tls.Config, error) {
	if o.CACert == "" && !o.Insecure {
		return nil, nil //nolint:nilnil // the zero value of an option
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: o.Insecure} //nolint:gosec // --insecure asks for it
	if o.CACert != "" {
		text, err := os.ReadFile(o.CACert)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--cacert: %s has no certificate in PEM form", o.CACert)
		}
	}
	return c, nil
}
