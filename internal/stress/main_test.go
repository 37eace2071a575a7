package stress_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// roleEnv makes a process of this test binary play a role until its input ends, so that
// the load tester does not pay for it.
const roleEnv = "STRESS_TEST_ROLE"

const (
	// hogRole keeps one core busy.
	hogRole = "hog"
	// serverRole answers each request at once with an empty body. It prints its
	// address.
	serverRole = "server"
)

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case hogRole:
		go spin(nil)
		fmt.Fprintln(os.Stdout, hogRole)
	case serverRole:
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go func() { _ = http.Serve(listener, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) }()
		fmt.Fprintln(os.Stdout, "http://"+listener.Addr().String())
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// spin keeps a core busy until stop is closed.
func spin(stop <-chan struct{}) (sum int) {
	for {
		for i := range 100_000 {
			sum += i * i
		}
		select {
		case <-stop:
			return sum
		default:
		}
	}
}

// process starts a process in a role, and returns the line that it prints once it is
// ready. The process ends with the test.
func process(tb testing.TB, role string) string {
	tb.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), roleEnv+"="+role)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := c.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		if err := c.Wait(); err != nil {
			tb.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSpace(line)
}
