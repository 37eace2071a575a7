// Package pgtest gives tests a PostgreSQL of their own: a private cluster on a
// free port of 127.0.0.1, in a temporary directory, that may be stopped, killed
// and frozen at will. When the test process dies, however it dies, the cluster
// dies with it.
//
// A package whose tests share one cluster declares it and wraps its TestMain:
//
//	var cluster pgtest.Shared
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(cluster.Main(m)) }
//
//	func TestX(t *testing.T) { url := cluster.Database(t) … }
//
// Tests that stop or freeze the server take one of their own with [Start].
// A missing PostgreSQL fails the test; it never skips it.
package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// Superuser is the role that the URLs of [Server.Database] name; it is
	// trusted without a password.
	Superuser = "postgres"
	// Owner is the role that owns every database. It is no superuser and must
	// give its password (SCRAM-SHA-256); see [Server.WithPassword].
	Owner = "onsale"

	// adminLimit bounds one CREATE or DROP DATABASE; they take some 50 ms, and
	// longer when all tests of a slow machine ask at once.
	adminLimit = 30 * time.Second
)

// Server is a private PostgreSQL cluster. Its methods are safe for concurrent use.
type Server struct {
	cluster  *cluster
	password string
	names    atomic.Int64 // counts the databases, to name them
}

// Start starts a cluster of the test's own, and stops and removes it at the
// end. Each setting is a line of postgresql.conf, such as "lock_timeout=1s".
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s, err := start(settings)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("end of the server's log:\n%s", s.Log())
		}
		if err := s.cluster.remove(); err != nil {
			tb.Errorf("pgtest: remove cluster: %v", err)
		}
	})
	return s
}

// Database creates an empty database and returns its URL. It is dropped at the
// end of the test, with whoever is still connected.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test_%d", s.names.Add(1))
	if err := s.admin("CREATE DATABASE " + name + " OWNER " + Owner); err != nil {
		tb.Fatalf("pgtest: create database: %v\n%s", err, s.Log())
	}
	tb.Cleanup(func() {
		if !s.cluster.running() {
			return // it goes with the cluster
		}
		if err := s.admin("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
			tb.Errorf("pgtest: drop database: %v", err)
		}
	})
	return s.url(name)
}

// WithPassword returns the URL of the same database for the role [Owner], with
// its password.
func (s *Server) WithPassword(databaseURL string) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return databaseURL // not one of ours
	}
	u.User = url.UserPassword(Owner, s.password)
	return u.String()
}

// Role creates a role that may log in, with a password, and returns the URL of the
// same database for it, and its name. The attributes are those of CREATE ROLE, such
// as "CONNECTION LIMIT 4". The role goes with the cluster.
func (s *Server) Role(tb testing.TB, databaseURL, attributes string) (roleURL, name string) {
	tb.Helper()
	name = fmt.Sprintf("role_%d", s.names.Add(1))
	if err := s.admin("CREATE ROLE " + name + " LOGIN PASSWORD '" + s.password + "' " + attributes); err != nil {
		tb.Fatalf("pgtest: create role: %v\n%s", err, s.Log())
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		tb.Fatal(err)
	}
	u.User = url.UserPassword(name, s.password)
	return u.String(), name
}

// Admin executes one statement as superuser, outside any test's database.
func (s *Server) Admin(statement string) error { return s.admin(statement) }

// Demote stops the server and starts it again as a hot standby, which has no
// primary to follow. SELECT pg_promote() ends that.
func (s *Server) Demote() error {
	if err := s.Stop(Fast); err != nil {
		return err
	}
	if err := s.cluster.signalStandby(); err != nil {
		return err
	}
	return s.Start()
}

// Stop shuts the server down and returns when all its processes are gone.
// A frozen server is thawed first.
func (s *Server) Stop(mode Mode) error { return s.cluster.stop(mode) }

// Start starts the stopped or killed server again, on the same port, and
// returns when it answers.
func (s *Server) Start() error { return s.cluster.start() }

// Kill ends the server and all its backends at once with SIGKILL, as a power
// cut would, but that the operating system keeps what was written.
func (s *Server) Kill() error { return s.cluster.kill() }

// Pause freezes the server and its backends with SIGSTOP: connections stay
// open, and nobody answers.
func (s *Server) Pause() error { return s.cluster.pause() }

// Continue thaws a frozen server.
func (s *Server) Continue() error { return s.cluster.resume() }

// Log returns the last lines of the server's log.
func (s *Server) Log() string { return s.cluster.logTail() }

// start makes a cluster and starts it for the first time.
func start(settings []string) (*Server, error) {
	c, err := newCluster(settings)
	if err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	s := &Server{cluster: c, password: newPassword()}
	if err := s.firstStart(); err != nil {
		tail := s.Log()
		_ = c.remove() // the first error says more
		return nil, fmt.Errorf("pgtest: %w\n%s", err, tail)
	}
	return s, nil
}

// firstStart starts the server and creates the role Owner.
func (s *Server) firstStart() error {
	if err := s.cluster.start(); err != nil {
		return err
	}
	return s.admin("CREATE ROLE " + Owner + " LOGIN PASSWORD '" + s.password + "'")
}

// admin executes one statement as superuser, outside any test's database.
func (s *Server) admin(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), adminLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	_, err = conn.Exec(ctx, statement)
	if closeErr := conn.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}

// url returns the URL of a database for the superuser.
func (s *Server) url(database string) string { return s.cluster.url(database) }
