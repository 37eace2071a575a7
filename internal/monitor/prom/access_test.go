package prom_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"onsale/internal/monitor/prom"
)

// authority issues certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	der, key := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of the test"}, IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	})
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, a.key = cert, key
	return a
}

// sign creates a key and its certificate. Without a parent certificate it is self-signed.
func (a *authority) sign(t *testing.T, template *x509.Certificate) (der []byte, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err = x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

// issue returns a certificate and its key, as PEM.
func (a *authority) issue(t *testing.T, hosts ...string) (cert, key string) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, private := a.sign(t, template)
	raw, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", der), pemOf("EC PRIVATE KEY", raw)
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// secured is a target with TLS and basic authentication. If clients is not nil, it also
// requires a client certificate of that authority.
type secured struct {
	*httptest.Server

	password atomic.Pointer[string]
	query    atomic.Pointer[string]
}

func newSecured(t *testing.T, ca *authority, hosts []string, clients *authority) *secured {
	t.Helper()
	cert, key := ca.issue(t, hosts...)
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	s := &secured{}
	first := "first-secret"
	s.password.Store(&first)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "scraper-user" || password != *s.password.Load() {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		query := r.URL.RawQuery
		s.query.Store(&query)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		_, _ = io.WriteString(w, "secured 7\n")
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	if clients != nil {
		s.TLS.ClientAuth, s.TLS.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		s.TLS.ClientCAs.AddCert(clients.cert)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// TestTargetsWithAuthentication scrapes a target with a password, a private certificate
// authority, a client certificate and a query. No response and no log line shows a secret.
func TestTargetsWithAuthentication(t *testing.T) {
	t.Parallel()
	ca, clients := newAuthority(t), newAuthority(t)
	s := newSecured(t, ca, []string{"127.0.0.1"}, clients)
	cert, key := clients.issue(t, "scraper")
	o := options(t, newTarget(t))
	log := new(logbook)
	o.Logger = log.logger(-8)
	o.Targets = []string{s.URL + "/probe/?module=deep-secret&collect[]=a&collect[]=b"}
	o.Access = prom.Access{
		Username: "scraper-user", PasswordFile: file(t, "password", "first-secret\n"),
		CAFile: file(t, "ca.pem", pemOf("CERTIFICATE", ca.cert.Raw)), CertFile: file(t, "cert.pem", cert), KeyFile: file(t, "key.pem", key),
	}
	r := start(t, o)
	host := strings.TrimPrefix(s.URL, "https://")
	r.is(t, `secured{job="ticket_system",instance="`+host+`/probe/"}`, "7")
	if got := *s.query.Load(); got != "collect%5B%5D=a&collect%5B%5D=b&module=deep-secret" {
		t.Errorf("the query was %s", got)
	}

	// A new password is read without a restart.
	second := "second-secret"
	s.password.Store(&second)
	r.is(t, "up", "0")
	if err := os.WriteFile(o.Access.PasswordFile, []byte(second), 0o600); err != nil {
		t.Fatal(err)
	}
	r.is(t, "up", "1")
	for _, path := range []string{"/api/v1/status/config", "/api/v1/targets", "/api/v1/scrape_pools/config?pool=ticket_system", "/api/v1/query?query=up", "/api/v1/status/flags"} {
		if _, body := r.get(t, path); strings.Contains(body, "-secret") || strings.Contains(body, "scraper-user") {
			t.Errorf("%s shows a secret: %s", path, body)
		}
	}
	if lines := log.String(); strings.Contains(lines, "-secret") || strings.Contains(lines, "scraper-user") || strings.Contains(lines, "PRIVATE") {
		t.Errorf("the log shows a secret: %s", lines)
	}
}

// TestTargetsWithAnotherCertificate: a target with an unknown authority or another name
// is down. The expected name can be set. Checks can be disabled, which is logged.
func TestTargetsWithAnotherCertificate(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	s := newSecured(t, ca, []string{"shop.example"}, nil)
	bundle := file(t, "ca.pem", pemOf("CERTIFICATE", ca.cert.Raw))
	password := file(t, "password", "first-secret")
	for name, c := range map[string]struct {
		access prom.Access
		up     string
		logs   string
	}{
		"unknown authority": {prom.Access{ServerName: "shop.example"}, "0", "certificate signed by unknown authority"},
		"another name":      {prom.Access{CAFile: bundle}, "0", "doesn't contain any IP SANs"},
		"its name":          {prom.Access{CAFile: bundle, ServerName: "shop.example"}, "1", ""},
		"not checked":       {prom.Access{InsecureSkipVerify: true}, "1", "--target-insecure-skip-verify"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, newTarget(t))
			log := new(logbook)
			o.Targets, o.Access, o.Logger = []string{s.URL}, c.access, log.logger(0)
			o.Access.Username, o.Access.PasswordFile = "scraper-user", password
			r := start(t, o)
			r.is(t, "up", c.up)
			eventually(t, "the log contains "+c.logs, func() bool { return strings.Contains(log.String(), c.logs) })
			if c.logs == "" && log.String() != "" {
				t.Errorf("logged %s", log)
			}
		})
	}
}

func TestRejectsWrongAccess(t *testing.T) {
	t.Parallel()
	const https = "https://127.0.0.1:1"
	cert, key := newAuthority(t).issue(t, "scraper")
	other, _ := newAuthority(t).issue(t, "scraper")
	certFile, keyFile, otherFile := file(t, "cert.pem", cert), file(t, "key.pem", key), file(t, "other.pem", other)
	empty := file(t, "empty", " \n")
	for name, c := range map[string]struct {
		target string
		access prom.Access
		kind   error
		want   string
	}{
		"user alone":           {https, prom.Access{Username: "u"}, prom.ErrOptions, "--target-username needs --target-password-file"},
		"password alone":       {https, prom.Access{PasswordFile: empty}, prom.ErrOptions, "--target-password-file needs --target-username"},
		"password in user":     {https, prom.Access{Username: "u:hunter2", PasswordFile: empty}, prom.ErrOptions, "--target-username must not contain a colon"},
		"user and token":       {https, prom.Access{Username: "u", PasswordFile: empty, BearerFile: empty}, prom.ErrOptions, "not both"},
		"certificate alone":    {https, prom.Access{CertFile: certFile}, prom.ErrOptions, "--target-cert-file needs --target-key-file"},
		"key alone":            {https, prom.Access{KeyFile: keyFile}, prom.ErrOptions, "--target-key-file needs --target-cert-file"},
		"authority of http":    {"http://127.0.0.1:1", prom.Access{CAFile: certFile}, prom.ErrOptions, "--target-ca-file is for targets with https://"},
		"unchecked http":       {"http://127.0.0.1:1", prom.Access{InsecureSkipVerify: true}, prom.ErrOptions, "--target-insecure-skip-verify is for"},
		"no such password":     {https, prom.Access{Username: "u", PasswordFile: "nowhere"}, prom.ErrConfig, "--target-password-file: open nowhere"},
		"directory":            {https, prom.Access{BearerFile: t.TempDir()}, prom.ErrConfig, "--target-bearer-token-file: "},
		"empty token":          {https, prom.Access{BearerFile: empty}, prom.ErrConfig, "is empty"},
		"no such authority":    {https, prom.Access{CAFile: "nowhere"}, prom.ErrConfig, "--target-ca-file: "},
		"no authority":         {https, prom.Access{CAFile: keyFile}, prom.ErrConfig, "--target-ca-file: "},
		"key of another":       {https, prom.Access{CertFile: otherFile, KeyFile: keyFile}, prom.ErrConfig, "--target-cert-file and --target-key-file: "},
		"certificate as a key": {https, prom.Access{CertFile: certFile, KeyFile: certFile}, prom.ErrConfig, "--target-cert-file and --target-key-file: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(t, newTarget(t))
			o.Targets, o.Access = []string{c.target}, c.access
			refused(t, o, c.kind, c.want)
			if _, err := prom.New(o); strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}
