package command

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// Ask asks a question and reports whether the answer is yes. No answer is no.
func (e *Env) Ask(ctx context.Context, question string) bool {
	fmt.Fprintf(e.Stderr, "onsale: %s [y/N] ", question)
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(e.Stdin).ReadString('\n') // an error leaves an empty answer, which is no
		answers <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case answer := <-answers:
		return answer == "y" || answer == "yes"
	case <-ctx.Done():
		fmt.Fprintln(e.Stderr)
		return false
	}
}

// Terminal returns a function that returns the size of the terminal behind a writer. It
// returns nil if the writer is not a terminal, or the terminal cannot draw in place.
func (e *Env) Terminal(w io.Writer) func() (columns, rows int, err error) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	kind, _ := e.Lookup("TERM")
	_, modern := e.Lookup("WT_SESSION") // older Windows consoles need a mode for that
	if kind == "dumb" || runtime.GOOS == "windows" && !modern {
		return nil
	}
	return func() (int, int, error) { return term.GetSize(int(file.Fd())) }
}
