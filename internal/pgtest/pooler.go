package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The pool modes of PgBouncer, with its own names.
const (
	// Session gives a client one session of the server until it disconnects.
	Session = "session"
	// Transaction gives a client a session of the server for each transaction.
	Transaction = "transaction"
)

// errNoPooler is returned on a machine without PgBouncer.
var errNoPooler = errors.New("no pgbouncer found in PATH or /usr/sbin: run `make deps` or `apt-get install pgbouncer`")

// Pooler is a PgBouncer in front of a [Server], on a free port of 127.0.0.1. Its methods
// are not safe for concurrent use.
type Pooler struct {
	bin, dir string
	lock     io.Closer
	owner    owner
	port     int
	process  *process
}

// Pooler starts a PgBouncer with a pool mode in front of the server, and removes it at
// the end of the test. Each setting is a line of its configuration, such as
// "default_pool_size = 1"; all others have PgBouncer's defaults.
func (s *Server) Pooler(tb testing.TB, mode string, settings ...string) *Pooler {
	tb.Helper()
	p := new(Pooler)
	err := p.make(s, mode, settings)
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		log := p.log()
		_ = p.remove() // the first error says more
		tb.Fatalf("pgtest: start pgbouncer: %v\n%s", err, log)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("end of pgbouncer's log:\n%s", p.log())
		}
		if err := p.remove(); err != nil {
			tb.Errorf("pgtest: remove pgbouncer: %v", err)
		}
	})
	return p
}

// URL returns the URL of the same database and user behind the pooler.
func (p *Pooler) URL(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return databaseURL // not a URL of this package
	}
	u.Host = p.Addr()
	return u.String()
}

// Addr returns the host and port that the pooler listens on.
func (p *Pooler) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// Stop kills the pooler, which closes all its connections.
func (p *Pooler) Stop() error {
	if p.process == nil {
		return nil
	}
	err := p.process.kill()
	p.process = nil
	return err
}

// Start starts the pooler again on the same port. It returns when the pooler listens.
func (p *Pooler) Start() error {
	process, err := startProcess(p.owner, p.dir, p.bin, []string{filepath.Join(p.dir, "pgbouncer.ini")})
	if err != nil {
		return err
	}
	p.process = process
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.Addr())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-process.gone:
			return errors.New("pgbouncer ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("pgbouncer does not listen: %w", err)
		case <-time.After(answerEvery):
		}
	}
}

// make writes the pooler's files to a new directory.
func (p *Pooler) make(s *Server, mode string, settings []string) (err error) {
	if p.bin, err = findPooler(); err != nil {
		return err
	}
	if p.owner, err = findOwner(); err != nil { // like PostgreSQL, it does not run as root
		return err
	}
	if p.port, err = freePort(); err != nil {
		return err
	}
	if p.dir, p.lock, err = makeDir(p.owner); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"users": fmt.Sprintf("%q %q\n%q %q\n", Superuser, "", Owner, s.password),
		"pgbouncer.ini": fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d\n"+
			"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n"+
			"auth_type = trust\nauth_file = %s\npool_mode = %s\n%s\n",
			s.cluster.port, p.port, filepath.Join(p.dir, "users"), mode, strings.Join(settings, "\n")),
	} {
		// Only the owner can read the directory.
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // G306: the owner reads it
			return err
		}
	}
	return nil
}

func (p *Pooler) remove() error {
	if p.dir == "" {
		return nil
	}
	return errors.Join(p.Stop(), os.RemoveAll(p.dir), p.lock.Close())
}

// log returns the last lines of the pooler's log.
func (p *Pooler) log() string { return (&cluster{dir: p.dir}).logTail() }

// findPooler returns the path of PgBouncer. On Debian it is not in a user's PATH.
func findPooler() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if bin, err := exec.LookPath(name); err == nil {
			return bin, nil
		}
	}
	return "", errNoPooler
}
