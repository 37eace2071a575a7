package pgtest

import (
	"fmt"
	"os"
	"sync"
	"testing"
)

// Shared is one cluster for all tests of a package. The first test that uses it starts
// it. The zero value is ready to use. TestMain must run the tests with [Shared.Main],
// or the cluster's directory is not removed.
type Shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Runner runs the tests of a package, as [*testing.M] does.
type Runner interface{ Run() int }

// Server returns the cluster. Do not stop or freeze it: others use it too.
func (s *Shared) Server(tb testing.TB) *Server {
	tb.Helper()
	s.once.Do(func() { s.server, s.err = start(nil) })
	if s.err != nil {
		tb.Fatal(s.err)
	}
	return s.server
}

// Database creates an empty database for the test and returns its URL.
func (s *Shared) Database(tb testing.TB) string {
	tb.Helper()
	return s.Server(tb).Database(tb)
}

// Main returns a Runner that runs the tests and then removes the cluster. Pass it to
// goleak.VerifyTestMain, or the result of its Run to os.Exit.
func (s *Shared) Main(m Runner) Runner { return sharedRun{s, m} }

// sharedRun is the Runner of a Shared.
type sharedRun struct {
	shared *Shared
	tests  Runner
}

// Run runs the tests, then removes the cluster if one was started.
func (r sharedRun) Run() int {
	code := r.tests.Run()
	if r.shared.server == nil {
		return code
	}
	if err := r.shared.server.cluster.remove(); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: remove cluster: %v\n", err)
		return max(code, 1)
	}
	return code
}
