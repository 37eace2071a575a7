package scenariofile_test

import (
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"

	"onsale/internal/stress/scenariofile"
)

// files is a directory in memory.
type files map[string]string

func (f files) read(name string) ([]byte, error) {
	text, ok := f[strings.ReplaceAll(name, `\`, "/")]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

// options returns Options with only these files and environment variables.
func options(f files, env map[string]string) scenariofile.Options {
	return scenariofile.Options{ReadFile: f.read, Env: func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}}
}

// load reads a scenario that must be valid.
func load(t *testing.T, text string, f files, env map[string]string) *scenariofile.Definition {
	t.Helper()
	s, err := tryLoad(text, f, env)
	if err != nil {
		t.Fatalf("load:\n%v", err)
	}
	return s
}

func tryLoad(text string, f files, env map[string]string) (*scenariofile.Definition, error) {
	all := files{"shop.yaml": text}
	maps.Copy(all, f)
	return scenariofile.Load("shop.yaml", options(all, env))
}

func TestProblemsHaveLineAndField(t *testing.T) {
	t.Parallel()
	buyers := files{
		"buyers.csv": "email,city\na@b.de,Bonn\n", "empty.csv": "", "head.csv": "email\n",
		"ragged.csv": "a,b\n1,2\n3\n", "twice.csv": "a,a\n1,2\n", "quote.csv": "a\n\"b\n",
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "shop.yaml: is empty"},
		{"only a comment", "# nothing\n", "shop.yaml: is empty"},
		{"null", "~\n", "shop.yaml: is empty"},
		{"no YAML", "tasks:\n  - path: [\n", "shop.yaml:2: is not valid YAML: did not find expected node content"},
		{"tabs", "tasks:\n\t- path: /\n", "shop.yaml:2: is not valid YAML: found character that cannot start any token; line 2 begins with a tab: indent with spaces"},
		{"a bare template", "tasks:\n  - path: /x\n    headers: {Token: {{token}}}\n", "shop.yaml:3: tasks[0].headers.Token must be a text; put the {{…}} in quotes"},
		{"a bare function", "tasks:\n  - path: /x\n    headers: {Token: {{int 1 5}}, X: y}\n    json: {a: {{int 1 5}}b}\n", "shop.yaml:3: is not valid YAML: did not find expected ',' or '}'; put the {{…}} of line 3 in quotes"},
		{"two documents", "tasks:\n- path: /\n---\na: b\n", "shop.yaml:3: must be a single YAML document, without --- separators"},
		{"a list", "- path: /\n", "shop.yaml:1: must be a mapping of names to values"},
		{"no tasks", "name: shop\n", "shop.yaml:1: needs tasks, a list of what users do"},
		{"tasks empty", "tasks: []\n", "shop.yaml:1: tasks needs at least one task"},
		{"tasks no list", "tasks:\n  path: /\n", "shop.yaml:2: tasks must be a list"},
		{"unknown field", "tasks:\n- path: /\n- path: /a\n  weigth: 3\n", "shop.yaml:4: tasks[1].weigth is not a known field; did you mean weight?"},
		{"unknown field above a block", "tasks:\n- path: /\n  chekc:\n    status: 200\n", "shop.yaml:3: tasks[0].chekc is not a known field; did you mean check?"},
		{"unknown at the top", "zzz: 1\nwait: 1s\ntasks: [{path: /}]\n", "shop.yaml:1: zzz is not a known field; known are name, summary, host, timeout, redirects, insecure, cookie_jar, headers, variables, env, csv, users, wait, start, tasks"},
		{"twice", "wait: 1s\nwait: 2s\ntasks: [{path: /}]\n", "shop.yaml:2: wait is set twice"},
		{"a name that is a list", "[a]: b\ntasks: [{path: /}]\n", "shop.yaml:1: has a key that is not a text"},
		{"weight zero", "tasks:\n- path: /\n  weight: 0\n", "shop.yaml:3: tasks[0].weight must be a whole number from 1 to 1000"},
		{"weight a text", "tasks:\n- {path: /, weight: many}\n", "shop.yaml:2: tasks[0].weight must be a whole number from 1 to 1000"},
		{"no path", "tasks:\n- weight: 2\n", "shop.yaml:2: tasks[0] needs path, such as /concerts"},
		{"no slash", "tasks:\n- path: concerts\n", "shop.yaml:2: tasks[0].path must begin with a slash"},
		{"a URL", "tasks:\n- path: http://x/concerts\n", "shop.yaml:2: tasks[0].path must be a path such as /concerts; the host is set with host or --host"},
		{"a space", "tasks:\n- path: /a b\n", "shop.yaml:2: tasks[0].path has characters that must be escaped with %XX, such as %20 for a space"},
		{"path empty", "tasks:\n- path: ''\n", "shop.yaml:2: tasks[0].path must not be empty"},
		{"path null", "tasks:\n- path:\n", "shop.yaml:2: tasks[0].path must be a text"},
		{"no steps", "tasks:\n- steps: []\n", "shop.yaml:2: tasks[0].steps needs at least one step"},
		{"steps next to a path", "tasks:\n- path: /\n  steps: [{path: /}]\n", "shop.yaml:2: tasks[0].path is not a known field; known are name, weight, steps"},
		{"method", "tasks:\n- {path: /, method: post}\n", "shop.yaml:2: tasks[0].method must be written in capitals: POST"},
		{"method misspelt", "tasks:\n- {path: /, method: PSOT}\n", "shop.yaml:2: tasks[0].method is not a known method; did you mean POST?"},
		{"method no word", "tasks:\n- {path: /, method: 'A B'}\n", "shop.yaml:2: tasks[0].method must be a method such as GET or POST"},
		{"name with a template", "tasks:\n- {path: /, name: 'a {{user}}'}\n", "shop.yaml:2: tasks[0].name cannot have {{…}}, because it would add a line to the report for each value"},
		{"name empty or of two lines", "name: ''\nsummary: \"a\\nb\"\ntasks: [{path: /}]\n", "shop.yaml:1: name must not be empty\nshop.yaml:2: summary must be one line without control characters"},
		{"too many kinds", "users: [" + strings.Repeat("{tasks: [{path: /}]},", 101) + "]\n", "shop.yaml:1: users must not have more than 100 kinds of users"},
		{"too many parts", "x-a: &a [" + strings.Repeat("1,", 400) + "]\ntasks: [{path: /, json: [" + strings.Repeat("*a,", 300) + "]}]\n", "shop.yaml:2: tasks[0].json[249] has more than 100000 parts once its aliases are expanded"},
		{"header of a check", "tasks:\n- path: /\n  check: {header: {A B: c}}\n", "shop.yaml:3: tasks[0].check.header.A B is not a valid header name"},
		{"header of a capture", "tasks:\n- path: /\n  capture: {a: {header: A B}, b: {cookie: ''}}\n", "shop.yaml:3: tasks[0].capture.a.header is not a valid header name\nshop.yaml:3: tasks[0].capture.b.cookie must not be empty"},
		{"two bodies", "tasks:\n- path: /\n  body: a\n  json: {}\n", "shop.yaml:4: tasks[0].json cannot be combined with body: a request has one body"},
		{"users and tasks", "users: [{tasks: [{path: /}]}]\ntasks: [{path: /}]\n", "shop.yaml:2: tasks cannot be combined with users: move it into one of them"},
		{"users empty", "users: []\n", "shop.yaml:1: users needs at least one kind of users"},
		{"users without tasks", "users:\n- name: a\n", "shop.yaml:2: users[0] needs tasks, a list of what users do"},
		{"host", "host: ftp://x\ntasks: [{path: /}]\n", "shop.yaml:1: host must be a URL such as http://127.0.0.1:8000"},
		{"host with a template", "host: '{{env.HOST}}'\ntasks: [{path: /}]\n", "shop.yaml:1: host cannot have {{…}}, because it is shown in reports; set it with --host"},
		{"no unit", "timeout: 5\ntasks: [{path: /}]\n", "shop.yaml:1: timeout needs a unit: 5s or 5ms"},
		{"no time", "timeout: soon\ntasks: [{path: /}]\n", "shop.yaml:1: timeout must be a duration such as 500ms or 2s"},
		{"too short", "timeout: -1s\ntasks: [{path: /}]\n", "shop.yaml:1: timeout must be from 1ms to 24h"},
		{"flag", "insecure: maybe\ntasks: [{path: /}]\n", "shop.yaml:1: insecure must be true or false"},
		{"wait of two kinds", "wait: {constant: 1s, pacing: 1s}\ntasks: [{path: /}]\n", "shop.yaml:1: wait must have exactly one of constant, between and pacing, such as between: [1s, 3s]"},
		{"wait unknown", "wait: {betweens: [1s, 2s]}\ntasks: [{path: /}]\n", "shop.yaml:1: wait.betweens is not a known field; did you mean between?\nshop.yaml:1: wait must have exactly one of constant, between and pacing, such as between: [1s, 3s]"},
		{"between one", "wait: {between: [1s]}\ntasks: [{path: /}]\n", "shop.yaml:1: wait.between must be two durations, such as [1s, 3s]"},
		{"between turned round", "wait: [3s, 1s]\ntasks: [{path: /}]\n", "shop.yaml:1: wait must have the shorter duration first"},
		{"pause next to a path", "tasks:\n- steps:\n  - {pause: 1s, path: /}\n", "shop.yaml:3: tasks[0].steps[0].path is not a known field; known are pause"},
		{"pause with a pace", "tasks:\n- steps:\n  - pause: {pacing: 1s}\n", "shop.yaml:3: tasks[0].steps[0].pause must be constant or between: pacing is only for the wait between tasks"},
		{"headers", "tasks:\n- path: /\n  headers:\n    X Y: a\n    Cookie: b\n    content-length: 3\n    X-A: \"a\\nb\"\n    X-B: [1]\n", `shop.yaml:4: tasks[0].headers.X Y is not a valid header name
shop.yaml:5: tasks[0].headers.Cookie cannot be set here: use cookies, with names and values
shop.yaml:6: tasks[0].headers.content-length cannot be set, because it follows from the body
shop.yaml:7: tasks[0].headers.X-A must be one line without control characters
shop.yaml:8: tasks[0].headers.X-B must be a text`},
		{"headers twice", "tasks:\n- path: /\n  headers:\n    X-A: a\n    x-a: b\n", "shop.yaml:5: tasks[0].headers.x-a is set twice"},
		{"cookies", "tasks:\n- path: /\n  cookies: {a b: c, d: 'e; f'}\n", "shop.yaml:3: tasks[0].cookies.a b is not a valid cookie name\nshop.yaml:3: tasks[0].cookies.d must be the value of one cookie, without ;"},

		{"unknown name", "variables: {quantity: 1}\ntasks:\n- {path: '/{{quantty}}/{{quantity}}'}\n", "shop.yaml:3: tasks[0].path has {{quantty}}, which is not a known name; did you mean quantity?"},
		{"captured too late", "tasks:\n- steps:\n  - path: /{{id}}\n  - path: /\n    capture: {id: $.id}\n- path: /{{id}}\n", "shop.yaml:3: tasks[0].steps[0].path has {{id}}, which is not a known name; known are int, text, uuid, pick, user, iteration, now, number, string\nshop.yaml:6: tasks[1].path uses {{id}} before it is captured: capture it in start, or earlier in the same task"},
		{"not closed", "tasks:\n- path: /{{user\n", "shop.yaml:2: tasks[0].path has {{ without }}"},
		{"nothing inside", "tasks:\n- path: /{{ }}\n", "shop.yaml:2: tasks[0].path has an empty {{ }}"},
		{"no function", "tasks:\n- path: /{{itn 1 2}}\n", "shop.yaml:2: tasks[0].path has {{itn 1 2}}, but itn is not a function; did you mean int?"},
		{"int", "tasks:\n- path: /{{int 5 1}}/x\n- path: /{{int}}\n- path: /{{int a b}}\n- path: /{{int 1 99999999999999999999}}\n", `shop.yaml:2: tasks[0].path has {{int 5 1}}, but the first number must not be greater than the second
shop.yaml:3: tasks[1].path has {{int}} with the wrong arguments: write {{int 1 100}}
shop.yaml:4: tasks[2].path has {{int a b}}, but both must be whole numbers from -2^53 to 2^53
shop.yaml:5: tasks[3].path has {{int 1 99999999999999999999}}, but both must be whole numbers from -2^53 to 2^53`},
		{"functions", "tasks:\n- path: /{{text 0}}\n- path: /{{uuid 4}}\n- path: /{{pick}}\n- path: /{{now unixms}}\n- path: /{{user 1}}\n- path: '/{{pick \"a}}'\n", `shop.yaml:2: tasks[0].path has {{text 0}}, but the length must be from 1 to 1048576
shop.yaml:3: tasks[1].path has {{uuid}} with the wrong arguments: write {{uuid}}
shop.yaml:4: tasks[2].path has {{pick}} with the wrong arguments: write {{pick red green "light blue"}}
shop.yaml:5: tasks[3].path has {{now unixms}}, which is not a known format; did you mean unix_ms?
shop.yaml:6: tasks[4].path has {{user}} with the wrong arguments: write {{user}}
shop.yaml:7: tasks[5].path has a quote that is not closed in {{pick "a}}`},
		{"line within a block", "tasks:\n- path: /\n  body: |\n    one\n    {{two}}\n", "shop.yaml:5: tasks[0].body has {{two}}, which is not a known name; known are int, text, uuid, pick, user, iteration, now, number, string"},
		{"variables", "variables:\n  env: 1\n  a-b: 1\n  c: [1]\n  d: '{{uuid}}'\n  int: 2\ntasks: [{path: /}]\n", `shop.yaml:2: variables.env is a reserved name, because {{env}} has a meaning already
shop.yaml:3: variables.a-b must be a name of letters, digits and _
shop.yaml:4: variables.c must be a text, a number, true or false
shop.yaml:5: variables.d is a constant and cannot have {{…}}: use the {{…}} where the variable is used
shop.yaml:6: variables.int is a reserved name, because {{int}} has a meaning already`},

		{"env missing", "env:\n- API_KEY\n- B-C\ntasks: [{path: '/{{env.API_KEY}}'}]\n", "shop.yaml:2: env[0] needs the environment variable API_KEY, which is not set and has no default here\nshop.yaml:3: env[1] must be a name of letters, digits and _"},
		{"env missing in a mapping", "env:\n  API_KEY:\ntasks: [{path: '/{{env.API_KEY}}'}]\n", "shop.yaml:2: env needs the environment variable API_KEY, which is not set and has no default here"},
		{"env not listed", "env: [SET]\ntasks: [{path: '/{{env.SETT}}'}]\n", "shop.yaml:2: tasks[0].path has {{env.SETT}}, but env does not list SETT; did you mean SET?"},

		{"csv without a file", "csv: {as: row}\ntasks: [{path: /}]\n", "shop.yaml:1: csv needs file, the path of the CSV file"},
		{"csv missing", "csv: {file: none.csv}\ntasks: [{path: /}]\n", "shop.yaml:1: csv.file cannot be read: file does not exist"},
		{"csv empty", "csv: {file: empty.csv}\ntasks: [{path: /}]\n", "shop.yaml:1: csv.file cannot be used: it is empty; its first line must name the columns"},
		{"csv without rows", "csv: {file: head.csv}\ntasks: [{path: /}]\n", "shop.yaml:1: csv.file cannot be used: it has no row after the line with the column names"},
		{"csv ragged", "csv: {file: ragged.csv}\ntasks: [{path: /}]\n", "ragged.csv:3: has a row that does not have 2 columns like the first line"},
		{"csv columns twice", "csv: {file: twice.csv}\ntasks: [{path: /}]\n", "shop.yaml:1: csv.file cannot be used: its first line names the column \"a\" twice"},
		{"csv quote", "csv: {file: quote.csv}\ntasks: [{path: /}]\n", "quote.csv:2: is not valid CSV: extraneous or missing \" in quoted-field"},
		{"csv words", "csv: {file: buyers.csv, order: shuffled, per: request, delimiter: ab, as: int}\ntasks: [{path: /}]\n", `shop.yaml:1: csv.as is a reserved name, because {{int}} has a meaning already
shop.yaml:1: csv.order must be sequential or random
shop.yaml:1: csv.per must be user or task
shop.yaml:1: csv.delimiter must be one character, such as ; or "\t"`},
		{"csv column", "csv: {file: buyers.csv}\ntasks: [{path: '/{{row.emial}}'}]\n", "shop.yaml:2: tasks[0].path has {{row.emial}}, but buyers.csv has no such column; did you mean email?"},
		{"csv group", "csv: {file: buyers.csv}\ntasks: [{path: '/{{rwo.email}}'}]\n", "shop.yaml:2: tasks[0].path has {{rwo.email}}, but rwo is not a known name; did you mean row?"},
		{"csv names", "csv: [{file: buyers.csv}, {file: buyers.csv}]\ntasks: [{path: /}]\n", "shop.yaml:1: csv[1] has the name row, which another CSV file has: set another name with as"},
		{"csv and variable", "variables: {row: 1}\ncsv: {file: buyers.csv}\ntasks: [{path: /}]\n", "shop.yaml:2: csv has the name row, which a variable has: set another name with as"},

		{"status", "tasks:\n- path: /\n  check: {status: [200, 9xx, 99]}\n", "shop.yaml:3: tasks[0].check.status[1] must be a status such as 200, or a class such as 2xx\nshop.yaml:3: tasks[0].check.status[2] must be a status such as 200, or a class such as 2xx"},
		{"check path", "tasks:\n- path: /\n  check:\n    json:\n      status: ok\n      $.a[*]: 1\n      $..b: 2\n      $.c: [1]\n", `shop.yaml:5: tasks[0].check.json.status must be a JSON path, which begins with $
shop.yaml:6: tasks[0].check.json.$.a[*] has [*], which only captures can have: a check tests one value
shop.yaml:7: tasks[0].check.json.$..b has a JSON path with a syntax error at "..b"
shop.yaml:8: tasks[0].check.json.$.c must be a text, a number, true, false or null`},
		{"business", "tasks:\n- path: /\n  check:\n    business:\n      409: sold out\n- path: /\n  check:\n    business: [{name: x}]\n", "shop.yaml:5: tasks[0].check.business.409 must be a name of letters, digits and _, such as sold_out\nshop.yaml:8: tasks[1].check.business[0] needs status"},
		{"capture", "variables: {v: 1}\ntasks:\n- path: /{{v}}\n  capture:\n    a: id\n    b: {json: $.a, header: B}\n    c: {regex: '('}\n    v: $.a\n    user: $.a\n    d: {}\n", `shop.yaml:5: tasks[0].capture.a must be a JSON path, which begins with $
shop.yaml:6: tasks[0].capture.b needs one of json, header, regex and cookie
shop.yaml:7: tasks[0].capture.c.regex is not a valid regular expression: missing closing ): ` + "`(`" + `
shop.yaml:8: tasks[0].capture.v is the name of a variable; choose another name
shop.yaml:9: tasks[0].capture.user is a reserved name, because {{user}} has a meaning already
shop.yaml:10: tasks[0].capture.d needs one of json, header, regex and cookie`},
		{"capture that may fail", "tasks:\n- steps:\n  - path: /\n    on_error: continue\n    capture: {a: $.a}\n  - path: /{{a}}\n", "shop.yaml:5: tasks[0].steps[0].capture.a needs a default, because later steps also run after a failure: {json: …, default: …}"},
		{"on_error", "tasks:\n- {path: /, on_error: ignore}\n", "shop.yaml:2: tasks[0].on_error must be stop or continue"},
		{"common header that no request can send", "headers:\n  X-A: '{{nobody}}'\n  X-B: [1]\ntasks:\n- path: /\n", "shop.yaml:2: headers.X-A has {{nobody}}, which is not a known name; known are int, text, uuid, pick, user, iteration, now, number, string\nshop.yaml:3: headers.X-B must be a text"},
		{"itself", "x-a: &a {<<: *a}\ntasks: [{path: /, json: *a}]\n", "shop.yaml:1: tasks[0].json is nested too deeply"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := tryLoad(c.text, buyers, map[string]string{"SET": "geheim"})
			if err == nil {
				t.Fatalf("the file loaded; want the error\n%s", c.want)
			}
			if err.Error() != c.want {
				t.Errorf("got\n%v\nwant\n%s", err, c.want)
			}
			var problems *scenariofile.FileError
			if !errors.As(err, &problems) || len(problems.Problems) == 0 {
				t.Errorf("the error is a %T, want a FileError with problems", err)
			}
		})
	}
}

func TestOnlyTheFirstProblemsAreListed(t *testing.T) {
	t.Parallel()
	_, err := tryLoad("tasks:\n"+strings.Repeat("- {}\n", 25), nil, nil)
	var problems *scenariofile.FileError
	if !errors.As(err, &problems) || len(problems.Problems) != 10 || problems.More != 15 {
		t.Fatalf("got\n%v", err)
	}
	if !strings.HasSuffix(err.Error(), "shop.yaml:11: tasks[9] needs path, such as /concerts\nand 15 more") {
		t.Errorf("got\n%v", err)
	}
}

func TestAnUnreadableFileIsNotAFileError(t *testing.T) {
	t.Parallel()
	_, err := scenariofile.Load("none.yaml", options(nil, nil))
	if !errors.Is(err, fs.ErrNotExist) || errors.As(err, new(*scenariofile.FileError)) {
		t.Errorf("got %v", err)
	}
}

func TestSettingsOfAFile(t *testing.T) {
	t.Parallel()
	s := load(t, `
name: checkout
summary: buys
host: http://127.0.0.1:8000/api/
timeout: 5s
redirects: 3
insecure: true
variables: {spare: 1}
env: {KEY: fallback, OTHER: }
csv: {file: rows.csv, as: unused}
x-note: extensions are left alone
tasks:
- path: /{{env.KEY}}
  headers: {accept-encoding: gzip}
  check: {contains: a}
- path: /
  headers: {accept-encoding: gzip}
  check: {status: 200}
  capture: {location: {header: Location}}
`, files{"rows.csv": "\ufeffa\n1\n"}, map[string]string{"OTHER": ""})
	if s.Name != "checkout" || s.Summary != "buys" || s.Host != "http://127.0.0.1:8000/api" || s.Timeout.String() != "5s" || s.Redirects != 3 || !s.Insecure {
		t.Errorf("got %+v", s)
	}
	want := []string{
		"shop.yaml:8: the variable spare is never used",
		"shop.yaml:9: the environment variable env.OTHER is never used",
		"shop.yaml:10: the CSV file unused is never used",
		"shop.yaml:13: tasks[0] has checks or captures of the body, but requests a compressed one (Accept-Encoding), which is not decompressed",
	}
	if strings.Join(s.Warnings, "\n") != strings.Join(want, "\n") {
		t.Errorf("warnings are\n%s", strings.Join(s.Warnings, "\n"))
	}
}
