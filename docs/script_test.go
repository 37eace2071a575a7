//go:build world && linux

package docs_test

import (
	"fmt"
	"strings"
)

// script returns the page as a shell script whose lines have the numbers that they have on the page, so that
// line numbers in messages of the shell are those of the page. The functions are those of scripts/docs-page.sh.
func (p *page) script() string {
	lines := make([]string, len(p.lines))
	for at, commands := range p.set {
		if len(commands) == 1 && interrupt.MatchString(commands[0]) {
			lines[at] = commands[0]
			continue
		}
		lines[at] = fmt.Sprintf("begin %d", at+1)
		copy(lines[at+1:], commands)
		lines[at+1+len(commands)] = "end"
	}
	for _, f := range p.files {
		lines[f.first] = fmt.Sprintf("begin %d; cat >%s <<'END OF FILE'", f.first+1, quote(f.name))
		copy(lines[f.first+1:], f.text)
		lines[f.first+1+len(f.text)] = "END OF FILE"
	}
	for i := range p.Blocks {
		b := &p.Blocks[i]
		if b.NotRun != "" {
			continue
		}
		head, tail := "begin %d", "end"
		switch {
		case b.Background != "":
			head, tail = "begin %d; { trap - ERR", "} & started "+quote(b.Background)
		case b.Exit != "":
			head, tail = "begin %d; expecting; ( set -e", fmt.Sprintf("); ended $? %s; end", b.Exit)
		}
		lines[b.First-1] = fmt.Sprintf(head, b.First)
		copy(lines[b.First:], b.Code)
		lines[b.Last-1] = tail
	}
	return strings.Join(lines, "\n") + "\n"
}

func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
