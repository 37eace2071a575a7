//go:build cluster && linux

package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	script    = "../../scripts/cluster.sh"
	namespace = "onsale"
	// startLimit bounds the start of the cluster, which takes half a minute; stopLimit its end.
	startLimit, stopLimit = 5 * time.Minute, 2 * time.Minute
)

// node is a running cluster of one node.
type node struct {
	// network is the path of the cluster's network namespace.
	network string
	// http calls addresses inside of the cluster, each time over a connection of its own.
	http *http.Client
}

// start starts a cluster, and stops it after the test. The script also stops it when this process
// ends for any reason, because its standard input ends then.
func start(t *testing.T) *node {
	t.Helper()
	cmd := exec.Command("bash", script, "hold")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stderr = &said
	hold, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan bool, 1), make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if lines.Text() == "ready" {
				ready <- true
			}
		}
		ended <- cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = hold.Close() // it may have ended
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the cluster did not stop in order: %v\n%s", err, &said)
			}
		case <-time.After(stopLimit):
			t.Errorf("the cluster did not stop within %s; run scripts/cluster.sh stop", stopLimit)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatalf("the cluster did not start: %s", &said)
	case <-time.After(startLimit):
		t.Fatalf("the cluster did not start within %s", startLimit)
	}
	name := os.Getenv("CLUSTER_NS")
	if name == "" {
		name = "onsale-cluster"
	}
	n := &node{network: "/run/netns/" + name}
	n.http = &http.Client{Transport: n.transport(false), Timeout: 30 * time.Second}
	return n
}

// run runs a command of scripts/cluster.sh, and returns its standard output. The error has what it said.
func run(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "bash", append([]string{script}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// try runs kubectl in the namespace of the overlay.
func (n *node) try(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	return run(t.Context(), stdin, append([]string{"kubectl", "-n", namespace}, args...)...)
}

// kubectl runs kubectl, which must succeed.
func (n *node) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := n.try(t, "", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// object reads an object or a list of objects into a value.
func (n *node) object(t *testing.T, into any, args ...string) {
	t.Helper()
	out := n.kubectl(t, append(append([]string{"get"}, args...), "-o", "json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("kubectl get %s: %v", strings.Join(args, " "), err)
	}
}

// pod is what the tests read of a pod.
type pod struct {
	Metadata struct {
		Name              string
		DeletionTimestamp string
	}
	Spec struct {
		Containers []struct {
			Image   string
			EnvFrom []struct {
				ConfigMapRef, SecretRef *struct{ Name string }
			}
		}
	}
	Status struct {
		PodIP             string
		Conditions        []struct{ Type, Status string }
		ContainerStatuses []struct {
			ContainerID  string
			RestartCount int
		}
	}
}

// ready says whether the pod takes requests.
func (p pod) ready() bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True" && p.Metadata.DeletionTimestamp == ""
		}
	}
	return false
}

// pods returns the pods of a part that are not about to end.
func (n *node) pods(t *testing.T, part string) []pod {
	t.Helper()
	var list struct{ Items []pod }
	n.object(t, &list, "pods", "-l", "app.kubernetes.io/name="+part)
	var pods []pod
	for _, p := range list.Items {
		if p.Metadata.DeletionTimestamp == "" {
			pods = append(pods, p)
		}
	}
	return pods
}

// service returns the base URL of a Service.
func (n *node) service(t *testing.T, name string) string {
	t.Helper()
	return "http://" + n.kubectl(t, "get", "service", name, "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}")
}

// get reads a URL inside of the cluster as JSON.
func (n *node) get(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := n.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %.300s", url, answer.Status, body)
	}
	if text, ok := into.(*string); ok {
		*text = string(body)
		return nil
	}
	return json.Unmarshal(body, into)
}

// transport connects inside of the cluster.
func (n *node) transport(keepAlive bool) *http.Transport {
	return &http.Transport{DialContext: n.dial, DisableKeepAlives: !keepAlive, IdleConnTimeout: 90 * time.Second}
}

// dial connects from within the cluster's network namespace. A thread belongs to one, and a socket stays
// in that of the thread that made it.
func (n *node) dial(ctx context.Context, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		dial := n.dialHere
		if unix.Gettid() == unix.Getpid() {
			// This one does not end. While it is locked, another dials.
			defer runtime.UnlockOSThread()
			dial = n.dial
		}
		conn, err := dial(ctx, network, address)
		done <- result{conn, err}
	}()
	r := <-done
	return r.conn, r.err
}

// dialHere moves the thread into the namespace, and connects.
func (n *node) dialHere(ctx context.Context, network, address string) (net.Conn, error) {
	file, err := os.Open(n.network)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("enter %s: %w", n.network, err)
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// await asks until the answer is yes. The state that comes with a no is for the message.
func await(t *testing.T, what string, limit time.Duration, ask func() (state string, ok bool)) {
	t.Helper()
	retry := time.NewTicker(500 * time.Millisecond)
	defer retry.Stop()
	for deadline := time.Now().Add(limit); ; {
		state, ok := ask()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come within %s: %s", what, limit, state)
		}
		select {
		case <-retry.C:
		case <-t.Context().Done():
			t.Fatal(errors.Join(errors.New("waited for "+what), context.Cause(t.Context())))
		}
	}
}
