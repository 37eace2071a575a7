package docs_test

import (
	"strings"
	"testing"
)

// TestMarksAreHeldToTheirRules checks that a misspelt or misplaced comment is an error, so that no block
// is skipped and no output is ignored by mistake.
func TestMarksAreHeldToTheirRules(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, want string }{
		"misspelt":               {"<!-- no run: reason -->\n```sh\n```", "p.md:2: <!-- no run: reason --> above the block is not known"},
		"no reason":              {"<!-- not run: -->\n```sh\n```", "is not known"},
		"no reason for a page":   {"text\n<!-- page not run: -->", "p.md:2: page not run: has no reason"},
		"another language":       {"```bash\n```", "expected the language sh, found bash"},
		"a console":              {"```console\n$ ls\n```", "expected the language sh, found console"},
		"no end":                 {"text\n```sh\nls", "p.md:2: the block has no end"},
		"a setup without end":    {"<!-- setup\nls", "p.md:1: the setup has no line -->"},
		"an old that is not":     {"<!-- here: 1m => 1s -->\n```sh\nls\n```", "expected OLD => NEW with an OLD of this block"},
		"half a replacement":     {"<!-- here: ls -->\n```sh\nls\n```", "expected OLD => NEW"},
		"output of nothing":      {"<!-- output -->\n```\n```", "there is no sh block above this output"},
		"output misspelt":        {"```sh\n```\n<!-- outputs -->\n```\n```", "p.md:4: <!-- outputs --> above a block that is not of sh is not known"},
		"output of sh":           {"<!-- output -->\n```sh\n```", "is not known"},
		"a status that is none":  {"<!-- exit 0 -->\n```sh\n```", "is not known"},
		"in a quotation":         {"> ```sh\n> ls\n> ```", "p.md:1: a block within a quotation is not run"},
		"no status":              {"<!-- exit -->\n```sh\n```", "is not known"},
		"a second mark misspelt": {"<!-- run -->\n<!-- backgrounds -->\n```sh\n```", "is not known"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := parsePage("p.md", test.text); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the page was read with error %v, want %q", err, test.want)
			}
		})
	}
}

// TestBlocksAreFound checks which blocks of a page run.
func TestBlocksAreFound(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		run  int
	}{
		"one":                    {"```sh\nls\n```", 1},
		"in a list":              {"1. x\n\n   ```sh\n   ls\n   ```", 1},
		"with more to it":        {"```sh title=x\nls\n```", 1},
		"in capitals":            {"```SH\nls\n```", 1},
		"tildes":                 {"~~~sh\nls\n~~~", 1},
		"output alone":           {"```\nls\n```", 0},
		"in a longer fence":      {"````md\n```sh\nls\n```\n````", 0},
		"not run":                {"<!-- not run: because -->\n```sh\n```\n```sh\n```", 1},
		"a blank line between":   {"<!-- not run: because -->\n\n```sh\n```", 0},
		"text between":           {"<!-- not run: because -->\ntext\n```sh\n```", 1},
		"page not run":           {"```sh\n```\n<!-- page not run: because -->\n```sh\n```\n```sh\n```", 1},
		"page not run, but this": {"<!-- page not run: because -->\n```sh\n```\n<!-- run -->\n```sh\n```", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := parsePage("p.md", test.text)
			if err != nil {
				t.Fatal(err)
			}
			if p.runs() != test.run {
				t.Errorf("%d blocks run, want %d", p.runs(), test.run)
			}
		})
	}
}

// TestOutputsAreCompared checks which outputs match the output on a page.
func TestOutputsAreCompared(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want, got, differs string
		has                bool
	}{
		"equal":               {want: "a\nb", got: "a\nb\n"},
		"no line end":         {want: "a", got: "a"},
		"blanks at the end":   {want: "a", got: "a  \r\n"},
		"another line":        {want: "a\nb", got: "a\nc\n", differs: "b"},
		"a line more":         {want: "a", got: "a\nb\n", differs: `nothing more after "a"`},
		"a line before":       {want: "b", got: "a\nb\n", differs: "b"},
		"a line less":         {want: "a\nb", got: "a\n", differs: "b"},
		"anything in a line":  {want: "id …, ok", got: "id 17, ok\n"},
		"not over two lines":  {want: "id …, ok", got: "id 17\n, ok\n", differs: "id …, ok"},
		"any lines":           {want: "a\n…\nd", got: "a\nb\nc\nd\n"},
		"no lines":            {want: "a\n…\nd", got: "a\nd\n"},
		"not a pattern":       {want: "a.c", got: "abc\n", differs: "a.c"},
		"has":                 {want: "b\nd", got: "a\nb\nc\nd\ne\n", has: true},
		"has in that order":   {want: "d\nb", got: "a\nb\nc\nd\n", has: true, differs: "b"},
		"has whole lines":     {want: "b", got: "abc\n", has: true, differs: "b"},
		"nothing was printed": {want: "a", got: "", differs: "a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := output{Text: strings.Split(test.want, "\n"), Has: test.has}
			if got := o.differs(test.got); got != test.differs {
				t.Errorf("the difference is %q, want %q", got, test.differs)
			}
		})
	}
}
