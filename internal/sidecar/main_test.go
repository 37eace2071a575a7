package sidecar_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"testing"
	"time"

	"go.uber.org/goleak"

	"onsale/internal/sidecar"
)

// Variables that make the test binary a child, or the parent of one.
const (
	asChild  = "SIDECAR_TEST_CHILD"
	asParent = "SIDECAR_TEST_PARENT"
)

// childMemory is the memory limit of the child, in bytes.
const childMemory = 128 << 20

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asChild) != "":
		os.Exit(beChild())
	case os.Getenv(asParent) != "":
		os.Exit(beParent())
	}
	goleak.VerifyTestMain(m)
}

// command returns a function that makes the command of a child with the given stderr.
func command(stderr io.Writer, env ...string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(append(os.Environ(), asChild+"=1"), env...)
		cmd.Stderr = stderr
		return cmd
	}
}

// deafness is the variable for a child that does not end when requested.
const deafness = "SIDECAR_TEST_DEAF"

// ending is the variable with the name of the file that a child writes at an orderly end.
const ending = "SIDECAR_TEST_ENDING"

// beChild runs a child that fails in many ways on request.
func beChild() int {
	mux := http.NewServeMux()
	hung := make(chan struct{})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s %s %q %s", r.Method, r.Host, r.URL.RawQuery, r.Header.Get("X-Asked"), r.RemoteAddr, r.Header["Onsale-Client"], body)
	})
	mux.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("/overflow", func(http.ResponseWriter, *http.Request) {
		debug.SetMaxStack(16 << 20) // filling the default of 1 GB takes longer than a probe waits
		fmt.Fprint(io.Discard, overflow(1))
	})
	mux.HandleFunc("/devour", func(http.ResponseWriter, *http.Request) { devour() })
	mux.HandleFunc("/crash", func(http.ResponseWriter, *http.Request) { go panic("on purpose") })
	mux.HandleFunc("/hang", func(http.ResponseWriter, *http.Request) { close(hung) })
	mux.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {
		select {
		case <-hung:
			select {}
		default:
		}
	})
	run := func(ctx context.Context) error {
		<-ctx.Done()
		if os.Getenv(deafness) != "" {
			select {}
		}
		return os.WriteFile(os.Getenv(ending), []byte("in order"), 0o600)
	}
	err := sidecar.Serve(context.Background(), sidecar.ChildOptions{
		In: os.Stdin, Out: os.Stdout, Handler: mux, Run: run, MemoryLimit: childMemory, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, prefix+err.Error())
		return 1
	}
	return 0
}

// prefix is the prefix of the line with the reason of a child's end.
const prefix = "child: "

// overflow overflows the stack.
func overflow(n int) int {
	if n < 0 {
		return 0
	}
	return overflow(n+1) + n
}

// devour allocates memory until the process ends, 8 MB per step, for at most 10 s.
func devour() {
	var all [][]byte
	for range 1000 {
		part := make([]byte, 8<<20)
		for i := range part {
			part[i] = 1
		}
		all = append(all, part)
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprint(io.Discard, len(all))
}

// beParent runs a child until this process is killed, and prints a line when the child
// answers.
func beParent() int {
	p := sidecar.New(sidecar.Options{
		Name: "test", Command: command(os.Stderr), Health: "/health", Report: func(error) {}, Logger: slog.New(slog.DiscardHandler),
	})
	go func() {
		for status, _ := ask(p, http.MethodGet, "/pid", ""); status != http.StatusOK; status, _ = ask(p, http.MethodGet, "/pid", "") {
			time.Sleep(10 * time.Millisecond)
		}
		fmt.Fprintln(os.Stdout, "answers")
	}()
	if err := p.Run(context.Background()); err != nil {
		return 1
	}
	return 0
}
