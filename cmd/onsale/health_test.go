package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestHealthExitCodes checks a running server, and the same server after its end.
func TestHealthExitCodes(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, dataDir(t))
	address := strings.TrimPrefix(p.url(), "http://")
	ask := func(env []string, args ...string) (int, string) {
		t.Helper()
		asked := launch(t, env, append([]string{"health"}, args...)...)
		return asked.code(), asked.stderr.String()
	}
	for _, args := range [][]string{{p.url()}, {"--ready", p.url()}, {"--listen", address}} {
		if code, said := ask(nil, args...); code != 0 || !strings.Contains(said, ": 200 OK") {
			t.Errorf("%q: exit code %d, said %s", args, code, said)
		}
	}
	if code, said := ask([]string{"ONSALE_LISTEN=" + address}, "--ready"); code != 0 {
		t.Errorf("ONSALE_LISTEN: exit code %d, said %s", code, said)
	}
	if code, said := ask(nil, "-H", p.url()); code != 2 || !strings.Contains(said, "--listen") {
		t.Errorf("-H: exit code %d, said %s", code, said)
	}
	p.kill()
	if code, said := ask(nil, p.url()); code != 1 || !strings.HasPrefix(said, "onsale: unhealthy: ") || strings.Count(said, "\n") != 1 {
		t.Errorf("after its end: exit code %d, said %s", code, said)
	}
}

// asBare is the variable that turns the test binary into a check of its own certificates and time zones.
const asBare = "ONSALE_TEST_AS_BARE"

// bare reports what is missing. It runs in a process of its own, because a process reads the system's certificates once.
func bare() {
	pool, err := x509.SystemCertPool()
	if err != nil || pool.Equal(x509.NewCertPool()) {
		fmt.Println("no certificates:", err)
	}
	os.Exit(0)
}

// TestBareSystem: the binary contains the certificate authorities and time zones that a container
// image built from scratch does not have.
func TestBareSystem(t *testing.T) {
	t.Parallel()
	none := t.TempDir()
	p := launch(t, []string{asBare + "=1", "SSL_CERT_FILE=" + none + "/none", "SSL_CERT_DIR=" + none})
	if code := p.code(); code != 0 || p.stderr.String() != "" {
		t.Errorf("exit code %d: %s", code, p.stderr)
	}
}
