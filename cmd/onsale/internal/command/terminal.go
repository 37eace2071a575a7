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
		answer, _ := bufio.NewReader(e.Stdin).ReadString('\n') // no answer is no
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

// Terminal returns a function that tells the size of the terminal that a writer is; nil if
// it is none, or one that does not know the sequences that draw in place.
func (e *Env) Terminal(w io.Writer) func() (columns, rows int, err error) {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	kind, _ := e.Lookup("TERM")
	_, modern := e.Lookup("WT_SESSION") // older consoles of Windows must be asked to
	if kind == "dumb" || runtime.GOOS == "windows" && !modern {
		return nil
	}
	return func() (int, int, error) { return term.GetSize(int(file.Fd())) }
}
