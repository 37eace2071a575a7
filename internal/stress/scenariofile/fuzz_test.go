package scenariofile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"onsale/internal/stress"
	"onsale/internal/stress/scenariofile"
	"onsale/internal/stress/wire"
)

// examples returns the example files of the documentation.
func examples(tb testing.TB) files {
	tb.Helper()
	paths, err := filepath.Glob("../../../docs/examples/stress/*")
	if err != nil || len(paths) < 3 {
		tb.Fatalf("found %d example files, want at least 3: %v", len(paths), err)
	}
	all := files{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		all[filepath.Base(path)] = string(data)
	}
	return all
}

// FuzzLoad: every file either loads and can render its first request, or is rejected with line numbers that
// exist.
func FuzzLoad(f *testing.F) {
	all := examples(f)
	for name, text := range all {
		if strings.HasSuffix(name, ".yaml") {
			f.Add(text)
		}
	}
	for _, text := range []string{
		"a: &a [*a]\ntasks: *a\n", "x-a: &a {<<: *a}\ntasks: [{path: /, json: *a}]\n", "x-a: &a {b: *a}\ntasks: [{path: /, json: *a}]\n",
		"x-a: &a [1,1,1,1,1,1,1,1,1]\nx-b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\ntasks: [{path: /, json: [*b,*b,*b]}]\n",
		"tasks: [{path: '/{{int 1 5}}{{\"{{\"}}', form: {a: [b, '{{pick a \"b c\"}}']}, cookies: {a: '{{uuid}}'}}]\n",
		"tasks: [{path: '{{text 5}}/{{now}}', body: '{{now date}} {{now unix}} {{now unix_ms}} {{user}}', check: {json: {$.a: .inf}}}]\n",
		"tasks: [{path: /, json: {a: .inf, b: 0x1F, c: !!binary aGk=, d: 2001-01-01, e: ~, 1: 2}}]\n",
	} {
		f.Add(text)
	}
	target, err := wire.ParseTarget("http://127.0.0.1:1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := tryLoad(text, files{"buyers.csv": all["buyers.csv"]}, map[string]string{"KEY": "value"})
		var problems *scenariofile.FileError
		switch {
		case errors.As(err, &problems):
			for _, p := range problems.Problems {
				if p.Line < 0 || p.Line > strings.Count(text, "\n")+strings.Count(text, "\r")+2 || p.Message == "" || p.File == "" {
					t.Errorf("problem %+v", p)
				}
			}
			return
		case err != nil:
			t.Fatalf("the error is a %T, want a FileError: %v", err, err)
		}
		prepare, _ := scenariofile.Preparer(s, target, &stress.User{Rand: random()})
		if r := prepare(); r.Method != "" && !strings.HasPrefix(r.Path, "/") {
			t.Errorf("path is %q", r.Path)
		}
	})
}

// FuzzSplit: every word that is quoted correctly comes back unchanged.
func FuzzSplit(f *testing.F) {
	f.Add("a b", "'\"\\$`\n\x00é")
	f.Add("curl $'\\x41\\u00e9\\n' \"a\\\"b\" \\\n c\\ d", "")
	f.Fuzz(func(t *testing.T, line, word string) {
		if words, err := scenariofile.Split(line); err == nil && len(strings.Join(words, "")) > 2*len(line) {
			t.Errorf("%q became %q", line, words)
		}
		for style := range quoteStyles {
			line := "curl " + quoteStyles[style](word) + " end"
			if words, err := scenariofile.Split(line); err != nil || len(words) != 3 || words[1] != word {
				// $'\x00' is an error.
				if style == ansi && strings.Contains(word, "\x00") {
					continue
				}
				t.Errorf("%q became %q, %v", line, words, err)
			}
		}
	})
}

const ansi = 2

// quoteStyles quote a word for a shell in different ways.
var quoteStyles = []func(word string) string{
	func(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" },
	func(word string) string {
		return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "$", `\$`, "`", "\\`").Replace(word) + `"`
	},
	func(word string) string {
		var b strings.Builder
		for i, c := range []byte(word) {
			switch {
			case c == '\'' || c == '\\':
				b.WriteString(`\` + string(rune(c)))
			case c < ' ' || c >= 0x7f || i%3 == 0:
				fmt.Fprintf(&b, []string{`\x%02x`, `\%03o`}[i%2], c)
			default:
				b.WriteByte(c)
			}
		}
		return "$'" + b.String() + "'"
	},
	func(word string) string { // a backslash before each byte
		var b strings.Builder
		for _, c := range []byte(word) {
			if c == '\n' {
				b.WriteString("'\n'")
				continue
			}
			b.WriteString(`\` + string([]byte{c}))
		}
		return b.String() + "''"
	},
}

// TestSplitMatchesBash compares the words of random command lines with those of bash itself. Everything in the
// lines is quoted, so that bash runs only printf.
func TestSplitMatchesBash(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	const bits = "aB3 \t\n'\"\\$`!#&*()[]{}<>|;~^%?=é\x01\x7f\xff"
	var in strings.Builder
	var lines []string
	for range 300 {
		line := "printf '%s\\0'"
		for range 1 + random.IntN(4) {
			line += []string{" ", "\t", " \\\n "}[random.IntN(3)]
			for range 1 + random.IntN(3) { // parts of one word
				var word []byte
				for range random.IntN(6) {
					word = append(word, bits[random.IntN(len(bits))])
				}
				line += quoteStyles[random.IntN(len(quoteStyles))](string(word))
			}
			line += []string{"", `$'\a\e\v\?\"\z\x4\u41\1012'`, `"\a\!"`, "=%,:@"}[random.IntN(4)]
		}
		lines = append(lines, line)
		in.WriteString(line + "\nprintf 'the end\\0'\n")
	}
	bash := exec.CommandContext(t.Context(), "bash")
	bash.Stdin, bash.Env = strings.NewReader(in.String()), append(os.Environ(), "LC_ALL=C")
	out, err := bash.Output()
	if err != nil {
		t.Fatalf("run bash, which this test needs: %v", err)
	}
	want := strings.Split(string(out), "the end\x00")
	for i, line := range lines {
		words, err := scenariofile.Split(line)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got := strings.Join(words[2:], "\x00") + "\x00"
		if len(words) < 3 {
			got = "\x00"
		}
		if got != want[i] {
			t.Errorf("%q\ngot  %q\nbash %q", line, got, want[i])
		}
	}
}

// FuzzFind compares the values at JSON paths with those that encoding/json decodes.
func FuzzFind(f *testing.F) {
	f.Add(`{"a":{"b":[1,{"c":"d\n"},-2.5e3]},"a b":null}`, "b", 1)
	f.Add(` [ "x" , [ ] , {} ] `, "", -1)
	f.Add(`{"a":1,"a":2,"\u0061":[3]}`, "a", 0)
	f.Fuzz(func(t *testing.T, doc, key string, index int) {
		if !json.Valid([]byte(doc)) || strings.Contains(key, "'") || !utf8.ValidString(key) {
			return
		}
		var whole any
		d := json.NewDecoder(strings.NewReader(doc))
		d.UseNumber()
		if err := d.Decode(&whole); err != nil {
			return // too deep for encoding/json
		}
		for _, path := range []string{"$", "$['" + key + "']", "$[" + strconv.Itoa(index) + "]", "$['" + key + "'][" + strconv.Itoa(index) + "]"} {
			text, ok, err := scenariofile.Find(path, []byte(doc))
			if err != nil {
				continue // the key contains the end of a name
			}
			want, there := walk(whole, path, key, index)
			if ok != there {
				t.Fatalf("%s in %s: found %v, want %v", path, doc, ok, there)
			}
			if ok {
				compare(t, path, doc, text, want)
			}
		}
	})
}

// walk finds the value at a path of a decoded document.
func walk(value any, path, key string, index int) (any, bool) {
	if strings.HasPrefix(path, "$['") {
		object, _ := value.(map[string]any) // nil has no members
		member, ok := object[key]
		if !ok {
			return nil, false
		}
		value = member
		path = path[len("$['"+key+"']"):]
	} else {
		path = path[1:]
	}
	if path == "" {
		return value, true
	}
	list, _ := value.([]any)
	if index < 0 {
		index += len(list)
	}
	if index < 0 || index >= len(list) {
		return nil, false
	}
	return list[index], true
}

func compare(t *testing.T, path, doc, got string, want any) {
	t.Helper()
	if text, ok := want.(string); ok {
		if got != text && !strings.Contains(text, "\ufffd") { // bytes that are not UTF-8 stay as they are
			t.Errorf("%s in %s: got %q, want %q", path, doc, got, text)
		}
		return
	}
	if got != strings.TrimSpace(got) {
		t.Errorf("%s in %s: got %q with spaces around it", path, doc, got)
	}
	var back any
	d := json.NewDecoder(strings.NewReader(got))
	d.UseNumber()
	if err := d.Decode(&back); err != nil {
		t.Fatalf("%s in %s: got %q: %v", path, doc, got, err)
	}
	a, _ := json.Marshal(back)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("%s in %s: got %s, want %s", path, doc, a, b)
	}
}

// FuzzJSONBody: with any value filled in, the body is valid JSON with that value.
func FuzzJSONBody(f *testing.F) {
	f.Add("a\"b\\c\n\u2028é\xff", "1e5")
	f.Add("", "-")
	target, err := wire.ParseTarget("http://127.0.0.1:1")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, number string) {
		s := load(t, "env: [A, B]\ntasks: [{path: '/{{env.A}}?b={{env.B}}', json: {a: '{{env.A}}', b: '-{{env.A}}-', c: '{{number env.B}}'}}]", nil, map[string]string{"A": text, "B": number})
		prepare, _ := scenariofile.Preparer(s, target, &stress.User{Rand: random()})
		var got struct {
			A, B string
			C    any
		}
		d := json.NewDecoder(bytes.NewReader(prepare().Body))
		d.UseNumber()
		if err := d.Decode(&got); err != nil || d.More() {
			t.Fatalf("%s: %v", prepare().Body, err)
		}
		valid := strings.ToValidUTF8(text, "\x00")
		if !strings.Contains(valid, "\x00") && (got.A != text || got.B != "-"+text+"-") {
			t.Errorf("%q became %q and %q", text, got.A, got.B)
		}
		if c, isText := got.C.(string); isText && c != number && !strings.Contains(c, "\ufffd") {
			t.Errorf("%q became %q", number, c)
		}
	})
}
