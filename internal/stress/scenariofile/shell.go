package scenariofile

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// Problems of a command line.
var (
	errQuote     = errors.New("has a quote that is not closed")
	errBackslash = errors.New("ends with a backslash")
	errComment   = errors.New("has a comment (#)")
	errNotCurl   = errors.New("must begin with curl")
	errSyntax    = errors.New("is not a command that bash can read")
	errNUL       = errors.New("has a NUL character")
	errRune      = errors.New(`has a \U that is not a Unicode character`)
	errWindows   = errors.New("is written for the Windows command prompt (^); copy it for bash instead: Copy as cURL (bash)")
)

// split returns the words of a command line as bash splits it. It expands and runs nothing: an expression that bash
// would expand or run is an error.
//
// The parser finds the words. Their text is taken from the line itself, because the parser drops NUL and CR.
func split(line string) ([]string, error) {
	line = strings.TrimSpace(line)
	file, err := syntax.NewParser(syntax.KeepComments(true)).Parse(strings.NewReader(parseable(line)), "")
	if err != nil {
		return nil, unparsed(line, err)
	}
	if len(file.Last) > 0 {
		return nil, errComment
	}
	if len(file.Stmts) == 0 {
		return nil, nil
	}
	stmt := file.Stmts[0]
	var words []string
	if call, ok := stmt.Cmd.(*syntax.CallExpr); ok && len(call.Assigns) == 0 {
		for _, w := range call.Args {
			word, err := unquoted(line, w.Parts)
			if err != nil {
				return nil, err
			}
			words = append(words, word)
		}
	}
	binary, isBinary := stmt.Cmd.(*syntax.BinaryCmd)
	switch {
	case len(stmt.Comments) > 0:
		return nil, errComment
	case isBinary:
		return nil, operator(line[binary.OpPos.Offset():])
	case len(stmt.Redirs) > 0:
		return nil, operator(line[stmt.Redirs[0].OpPos.Offset():])
	case stmt.Semicolon.IsValid():
		return nil, operator(line[stmt.Semicolon.Offset():])
	case words == nil:
		return nil, errNotCurl
	case len(file.Stmts) > 1:
		return nil, operator("\n")
	}
	return words, nil
}

// parseable returns a line of the same length that the parser reads as bash does: the parser rejects bytes that are not
// UTF-8, drops NUL and takes CR for a space. To bash these are ordinary characters, except CR at the end of a line.
func parseable(line string) string {
	b := []byte(line)
	for i, c := range b {
		lineEnd := i > 0 && b[i-1] == '\\' && strings.HasPrefix(line[i:], "\r\n")
		if c == 0 || c >= utf8.RuneSelf || c == '\r' && !lineEnd {
			b[i] = '%'
		}
	}
	return string(b)
}

// unparsed returns the problem of a line that the parser rejects.
func unparsed(line string, err error) error {
	wrong, ok := errors.AsType[syntax.ParseError](err)
	if !ok || wrong.Pos.Offset() >= uint(len(line)) {
		return errSyntax
	}
	rest := line[wrong.Pos.Offset():]
	operators := strings.IndexAny(rest, "|&;<>()\n")
	switch {
	case windows.MatchString(line):
		return errWindows
	case strings.IndexByte(`'"`, strings.TrimPrefix(rest+" ", "$")[0]) >= 0:
		return errQuote
	case rest[0] == '$' || rest[0] == '`':
		return expansion(rest)
	case operators >= 0:
		return operator(rest[operators:])
	}
	return errSyntax
}

// windows matches a quote or the end of a line that is escaped for the Windows command prompt.
var windows = regexp.MustCompile(`\^("|\r?\n)`)

// operator returns the error of a character that is a shell operator.
func operator(rest string) error {
	return fmt.Errorf("has %q outside quotes, where it is a shell operator: give a single curl command", rest[:1])
}

// expansion returns the error of an expression that a shell would expand.
func expansion(rest string) error {
	end := 1
	for end < len(rest) && isName(rest[1:end+1]) {
		end++
	}
	if end == 1 || rest[0] == '`' {
		end = min(2, len(rest))
	}
	return fmt.Errorf("has %q, which a shell would expand and onsale does not: write the value itself, or quote it with '", rest[:end])
}

// The escapes outside quotes, within "…" and within $'…'.
var (
	backslash       = regexp.MustCompile(`(?s)\\(?:\r?\n|(.))`)
	backslashDouble = regexp.MustCompile("\\\\(?:\n|([$`\"\\\\]))")
	backslashANSI   = regexp.MustCompile(`(?s)\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|U[0-9a-fA-F]{1,8}|[0-7]{1,3}|.)`)
)

// unquoted returns the text of a word without quotes and backslashes.
func unquoted(line string, parts []syntax.WordPart) (string, error) {
	var word strings.Builder
	for _, part := range parts {
		rest := line[part.Pos().Offset():]
		text := rest[:part.End().Offset()-part.Pos().Offset()]
		switch p := part.(type) {
		case *syntax.Lit:
			if at := windows.FindStringIndex(rest); len(at) > 0 && at[0] < len(text) {
				return "", errWindows
			}
			if (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1 {
				return "", errBackslash
			}
			word.WriteString(backslash.ReplaceAllString(text, "$1"))
		case *syntax.SglQuoted:
			text, err := text[strings.IndexByte(text, '\'')+1:len(text)-1], error(nil)
			if p.Dollar {
				text, err = ansi(text)
			}
			if err != nil {
				return "", err
			}
			word.WriteString(text)
		case *syntax.DblQuoted:
			for _, inner := range p.Parts {
				if _, ok := inner.(*syntax.Lit); !ok {
					return "", expansion(line[inner.Pos().Offset():])
				}
			}
			if p.Dollar {
				return "", expansion(rest)
			}
			word.WriteString(backslashDouble.ReplaceAllString(text[1:len(text)-1], "$1"))
		case *syntax.ParamExp, *syntax.CmdSubst, *syntax.ArithmExp:
			return "", expansion(rest)
		default:
			return "", operator(rest[strings.IndexAny(rest, "<>("):])
		}
	}
	return word.String(), nil
}

// ansi returns the text of $'…' ("ANSI-C quoting" in bash).
func ansi(text string) (string, error) {
	var err error
	text = backslashANSI.ReplaceAllStringFunc(text, func(escape string) string {
		digits, base := escape[2:], 16
		switch i := strings.IndexByte(`abeEfnrtv\'"?`, escape[1]); {
		case i >= 0:
			return "\a\b\x1b\x1b\f\n\r\t\v\\'\"?"[i : i+1]
		case '0' <= escape[1] && escape[1] <= '7':
			digits, base = escape[1:], 8
		case digits == "" || strings.IndexByte("xuU", escape[1]) < 0:
			return escape
		}
		n, _ := strconv.ParseUint(digits, base, 32) // the expression matches digits alone
		if base == 8 {
			n &= 0xff // as bash does with \777
		}
		switch {
		case n > utf8.MaxRune:
			err = errRune
		case n == 0:
			err = errNUL
		case escape[1] == 'u' || escape[1] == 'U':
			return string(rune(n))
		}
		return string([]byte{byte(n & 0xff)})
	})
	return text, err
}
