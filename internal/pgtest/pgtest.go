// Package pgtest gives tests a PostgreSQL server of their own: a private cluster in a
// temporary directory, on a free port of 127.0.0.1. Tests can stop, kill and freeze it.
// When the test process ends, even by a crash, the cluster ends too.
//
// A package whose tests share one cluster declares it and wraps its TestMain:
//
//	var cluster pgtest.Shared
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(cluster.Main(m)) }
//
//	func TestX(t *testing.T) { url := cluster.Database(t) … }
//
// Tests that stop or freeze the server must start one of their own with [Start]. Without
// PostgreSQL on the machine, a test fails; it is never skipped.
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
	// Superuser is the role in the URLs of [Server.Database]. It needs no password.
	Superuser = "postgres"
	// Owner is the role that owns every database. It is not a superuser, and needs a
	// password (SCRAM-SHA-256); see [Server.WithPassword].
	Owner = "onsale"

	// adminLimit bounds one CREATE or DROP DATABASE. They take about 50 ms, and longer
	// when many tests run at once on a slow machine.
	adminLimit = 30 * time.Second
)

// Server is a private PostgreSQL cluster. Its methods are safe for concurrent use.
type Server struct {
	cluster  *cluster
	password string
	names    atomic.Int64 // number of databases and roles so far, for their names
}

// Start starts a cluster for the test, and removes it at the end of the test. Each
// setting is a line of postgresql.conf, such as "lock_timeout=1s".
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

// Database creates an empty database and returns its URL. The database is dropped at
// the end of the test, even if clients are still connected.
func (s *Server) Database(tb testing.TB) string {
	tb.Helper()
	name := fmt.Sprintf("test_%d", s.names.Add(1))
	if err := s.admin("CREATE DATABASE " + name + " OWNER " + Owner); err != nil {
		tb.Fatalf("pgtest: create database: %v\n%s", err, s.Log())
	}
	tb.Cleanup(func() {
		if !s.cluster.running() {
			return // the database is removed with the cluster
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
		return databaseURL // not a URL of this package
	}
	u.User = url.UserPassword(Owner, s.password)
	return u.String()
}

// Role creates a role that can log in with a password. It returns the URL of the same
// database for that role, and the role's name. The attributes are those of CREATE ROLE,
// such as "CONNECTION LIMIT 4". The role is removed with the cluster.
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

// Demote restarts the server as a hot standby without a primary. SELECT pg_promote()
// makes it a primary again.
func (s *Server) Demote() error {
	if err := s.Stop(Fast); err != nil {
		return err
	}
	if err := s.cluster.signalStandby(); err != nil {
		return err
	}
	return s.Start()
}

// Stop shuts the server down and returns when all its processes have ended. A frozen
// server is thawed first.
func (s *Server) Stop(mode Mode) error { return s.cluster.stop(mode) }

// Start starts a stopped or killed server again on the same port. It returns when the
// server answers.
func (s *Server) Start() error { return s.cluster.start() }

// Kill ends the server and all its backends at once with SIGKILL. Unlike after a power
// cut, the operating system keeps what was written.
func (s *Server) Kill() error { return s.cluster.kill() }

// Pause freezes the server and its backends with SIGSTOP. Connections stay open, but
// the server does not answer.
func (s *Server) Pause() error { return s.cluster.pause() }

// Continue thaws a frozen server.
func (s *Server) Continue() error { return s.cluster.resume() }

// Log returns the last lines of the server's log.
func (s *Server) Log() string { return s.cluster.logTail() }

// start creates a cluster and starts it for the first time.
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
