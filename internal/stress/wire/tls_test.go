package wire_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"onsale/internal/stress/wire"
)

// secure starts a server that also supports HTTP/2.
func secure(t *testing.T, o *tls.Config) (*wire.Target, *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.Proto + " " + r.TLS.NegotiatedProtocol))
	}))
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{}
	if o != nil {
		s.TLS = o
	}
	s.TLS.NextProtos = []string{"h2", "http/1.1"}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return parse(t, s.URL), &tls.Config{RootCAs: roots}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	for version, name := range map[uint16]string{tls.VersionTLS12: "TLS 1.2", tls.VersionTLS13: "TLS 1.3"} {
		target, trusting := secure(t, &tls.Config{MaxVersion: version})
		for how, o := range map[string]*tls.Config{
			"known CA":  trusting,
			"unchecked": {InsecureSkipVerify: true},
			"complete":  {RootCAs: trusting.RootCAs, ServerName: "example.com", NextProtos: []string{"http/1.1"}},
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				c := client(t, target, wire.Options{TLS: o})
				for range 3 {
					answered(t, c, get("/"), 200, "HTTP/1.1 http/1.1")
					time.Sleep(5 * time.Millisecond) // a connection is checked after it was idle a while
				}
				if got, want := c.Protocol(), "HTTP/1.1 over "+name; got != want {
					t.Errorf("protocol %q, want %q", got, want)
				}
			})
		}
	}
}

func TestNoTLS(t *testing.T) {
	t.Parallel()
	target, trusting := secure(t, nil)
	old, _ := secure(t, &tls.Config{MaxVersion: tls.VersionTLS11})
	private, _ := secure(t, &tls.Config{ClientAuth: tls.RequireAnyClientCert})
	wrong := trusting.Clone()
	wrong.ServerName = "somebody.else"
	for name, test := range map[string]struct {
		target *wire.Target
		o      *tls.Config
	}{
		"unknown CA":               {target, nil},
		"another name":             {target, wrong},
		"too old":                  {old, &tls.Config{InsecureSkipVerify: true}},
		"requests our certificate": {private, &tls.Config{InsecureSkipVerify: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Log(failed(t, client(t, test.target, wire.Options{TLS: test.o}), get("/"), wire.Handshake).text)
		})
	}
}

// A client that speaks HTTP to a TLS port gets an error that says so, from the server
// or from the client.
func TestPlainToTLS(t *testing.T) {
	t.Parallel()
	target, _ := secure(t, nil)
	c := client(t, parse(t, "http"+target.String()[len("https"):]), wire.Options{})
	answered(t, c, get("/"), 400, "Client sent an HTTP request to an HTTPS server.\n")
}

// A TLS connection that is cut off in the middle of a record has not ended properly,
// even if the end of the connection would be the end of the body.
func TestCutOffTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n\r\nhalf"))
		below := c.(*tls.Conn).NetConn()
		_, _ = below.Write([]byte("\x17\x03\x03\x01\x00abc")) // three of 256 bytes
		_ = below.Close()
	}))
	t.Cleanup(s.Close)
	c := client(t, parse(t, s.URL), wire.Options{TLS: &tls.Config{InsecureSkipVerify: true}})
	failed(t, c, get("/"), wire.Closed)
}
