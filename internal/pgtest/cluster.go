package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// startLimit bounds the wait for the server's first answer, including crash recovery.
	startLimit = 30 * time.Second
	// answerEvery is the pause between two attempts to connect to a starting server.
	answerEvery = 20 * time.Millisecond
	// portTries is the maximum number of ports to try. Another process can take a free
	// port before the server binds it.
	portTries = 5
)

// errPortTaken is the only failure to start after which another port is tried.
var errPortTaken = errors.New("port is taken")

// Mode is how a server shuts down.
type Mode int

// The modes of [Server.Stop], with PostgreSQL's names.
const (
	// Fast ends all sessions, writes a checkpoint and stops.
	Fast Mode = iota
	// Immediate stops without a checkpoint. The next start runs crash recovery.
	Immediate
)

// cluster is a data directory with the server's process while it runs.
type cluster struct {
	bin      string // directory of the binaries
	dir      string // directory of the data, the log and the lock
	lock     io.Closer
	owner    owner
	settings []string

	mu      sync.Mutex
	port    int
	started bool // the server has run once, and must keep the port that clients use
	process *process
}

// newCluster creates a data directory. It does not start the server.
func newCluster(settings []string) (*cluster, error) {
	bin, err := findBinaries()
	if err != nil {
		return nil, err
	}
	who, err := findOwner()
	if err != nil {
		return nil, err
	}
	dir, lock, err := makeDir(who)
	if err != nil {
		return nil, err
	}
	c := &cluster{bin: bin, dir: dir, lock: lock, owner: who, settings: settings}
	if err := c.initialize(); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

// initialize runs initdb and writes the rules for logins.
func (c *cluster) initialize() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	initdb := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), //nolint:gosec // found in PostgreSQL's own directory
		"-D", c.data(), "-U", Superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.Dir, initdb.Env = c.dir, environment()
	runAs(c.owner, initdb)
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, bytes.TrimSpace(out))
	}
	const anyRole = "all"
	// Database, user, address, method.
	access := "host all " + Superuser + " 127.0.0.1/32 trust\n" +
		"host all " + anyRole + " 127.0.0.1/32 scram-sha-256\n"
	// The file exists and keeps its owner and mode.
	if err := os.WriteFile(filepath.Join(c.data(), "pg_hba.conf"), []byte(access), 0o600); err != nil {
		return fmt.Errorf("write pg_hba.conf: %w", err)
	}
	return nil
}

// start starts the server and waits until it answers.
func (c *cluster) start() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process != nil {
		return errors.New("server is already running")
	}
	for try := 1; ; try++ {
		if !c.started {
			port, err := freePort()
			if err != nil {
				return err
			}
			c.port = port
		}
		err := c.launch()
		if errors.Is(err, errPortTaken) && !c.started && try < portTries {
			continue
		}
		c.started = c.started || err == nil
		return err
	}
}

// launch starts the process once and waits until the server answers or the process ends.
func (c *cluster) launch() error {
	args := []string{"-D", c.data()}
	for _, setting := range append([]string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(c.port),
		"unix_socket_directories=",        // with a long TMPDIR the socket's path would be too long
		"dynamic_shared_memory_type=mmap", // in the data directory, so that it is removed with it
		"shared_buffers=128MB",
		"max_connections=200",
		"fsync=on",
		"log_line_prefix=%m [%p] ",
	}, c.settings...) {
		args = append(args, "-c", setting)
	}
	size := c.logSize()
	p, err := startProcess(c.owner, c.dir, filepath.Join(c.bin, "postgres"), args)
	if err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	if err := c.await(p); err != nil {
		killErr := p.kill()
		if c.loggedSince(size, "Address already in use") {
			err = errPortTaken
		}
		return errors.Join(err, killErr)
	}
	c.process = p
	return nil
}

// await waits until the server answers.
func (c *cluster) await(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.gone:
			return errors.New("postgres ended while starting")
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-time.After(answerEvery):
		}
	}
}

// stop shuts the server down.
func (c *cluster) stop(mode Mode) error {
	return c.finish(func(p *process) error { return p.stop(mode) })
}

// kill kills all processes of the server.
func (c *cluster) kill() error {
	return c.finish((*process).kill)
}

// finish calls end with the process, if there is one.
func (c *cluster) finish(end func(*process) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return nil
	}
	if err := end(c.process); err != nil {
		return err
	}
	c.process = nil
	return nil
}

func (c *cluster) pause() error  { return c.with((*process).pause) }
func (c *cluster) resume() error { return c.with((*process).resume) }

// with calls do with the process of the running server.
func (c *cluster) with(do func(*process) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return errors.New("server is not running")
	}
	return do(c.process)
}

// running reports whether the server runs and is not frozen.
func (c *cluster) running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.process != nil && !c.process.paused()
}

// remove stops the server and removes everything that belongs to the cluster.
func (c *cluster) remove() error {
	err := c.stop(Immediate)
	if err != nil {
		err = errors.Join(err, c.kill())
	}
	forgetSharedMemory(filepath.Join(c.data(), "postmaster.pid"))
	return errors.Join(err, os.RemoveAll(c.dir), c.lock.Close())
}

// signalStandby makes the server start as a standby next time.
func (c *cluster) signalStandby() error {
	return os.WriteFile(filepath.Join(c.data(), "standby.signal"), nil, 0o600)
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// url returns a complete URL, so that PG* environment variables have no effect.
func (c *cluster) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(Superuser),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path: database, RawQuery: "sslmode=disable",
	}
	return u.String()
}

// freePort returns a free port below the range for outgoing connections. It is still
// free when a stopped server starts again.
func freePort() (int, error) {
	const first, last, tries = 20000, 32000, 100
	for range tries {
		port := first + mathrand.IntN(last-first) //nolint:gosec // no secret
		l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, fmt.Errorf("no free port between %d and %d", first, last)
}

// newPassword returns a password that needs no quoting.
func newPassword() string { return rand.Text() }
