package scenariofile_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/scenariofile"
	"onsale/internal/stress/wire"
)

// first returns a function that renders the first request of a file.
func first(tb testing.TB, text string, f files, user int) func() *wire.Request {
	tb.Helper()
	o := options(files{"shop.yaml": text, "rows.csv": f["rows.csv"]}, nil)
	o.Now = func() time.Time { return time.Date(2031, 12, 30, 23, 59, 58, 7e6, time.FixedZone("", 3600)) }
	s, err := scenariofile.Load("shop.yaml", o)
	if err != nil {
		tb.Fatal(err)
	}
	target, err := wire.ParseTarget("http://127.0.0.1:1")
	if err != nil {
		tb.Fatal(err)
	}
	prepare, _ := scenariofile.Preparer(s, target, &stress.User{Index: user, Rand: random()})
	return prepare
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ place, want string }{
		{"{{int 5 5}}", "5"},
		{"{{int -3 -1}}", "-[123]"},
		{"{{ int  1   9 }}", "[1-9]"},
		{"{{text 20}}", "[a-km-z2-79]{20}"},
		{"{{uuid}}", "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"},
		{`{{pick "a b" c}}`, "a b|c"},
		{"{{user}}.{{iteration}}", "7.0"},
		{"{{now}}", "2031-12-30T22:59:58Z"},
		{"{{now rfc3339}}", "2031-12-30T22:59:58Z"},
		{"{{now date}}", "2031-12-30"},
		{"{{now unix}}", "1956437998"},
		{"{{now unix_ms}}", "1956437998007"},
		{`a {{"{{"}} b`, "a {{ b"},
		{"{{n}}{{number n}}{{string n}}", "1.501.501.50"},
		{"{{row.a}}", "x & y"},
	} {
		text := "variables: {n: 1.50}\ncsv: {file: rows.csv}\ntasks: [{path: /, body: '" + c.place + "'}]"
		got := string(first(t, text, files{"rows.csv": "a\nx & y\n"}, 7)().Body)
		if !regexp.MustCompile("^(?:" + c.want + ")$").MatchString(got) {
			t.Errorf("%s became %s", c.place, got)
		}
	}
}

// TestValuesAreEscapedForTheirPlace: a value that is filled in stays one value.
func TestValuesAreEscapedForTheirPlace(t *testing.T) {
	t.Parallel()
	const row = `a/b?c&d=e "f"\é` + "\t%;+#"
	f := files{"rows.csv": "v,n\n\"" + strings.ReplaceAll(row, `"`, `""`) + "\",12\n"}
	for _, c := range []struct{ step, path, body string }{
		{"path: '/x/{{row.v}}?y={{row.v}}'", "/x/" + percent + "?y=" + percent, ""},
		{"{path: /, form: {'k&': '{{row.v}} +&'}}", "/", "k%26=" + strings.ReplaceAll(percent, "%20", "+") + "+%2B%26"},
		{"{path: /, json: {'{\"': '{{row.v}}\"', w: '{{row.v}}'}}", "/", `{"{\"":"` + inJSON + `\"","w":"` + inJSON + `"}`},
		{
			"{path: /, json: ['{{row.n}}', '{{number row.n}}', '{{number row.v}}', '{{string row.n}}', '{{now}}', '{{int 4 4}}', '{{pick é}}']}",
			"/", `["12",12,"` + inJSON + `","12","2031-12-30T22:59:58Z",4,"é"]`,
		},
		{"{path: /, body: '{\"a\": {{row.n}}}'}", "/", `{"a": 12}`},
	} {
		got := first(t, "csv: {file: rows.csv}\ntasks:\n- "+c.step, f, 0)()
		if got.Path != c.path || string(got.Body) != c.body {
			t.Errorf("%s\ngot  %s %s\nwant %s %s", c.step, got.Path, got.Body, c.path, c.body)
		}
	}
}

const (
	percent = `a%2Fb%3Fc%26d%3De%20%22f%22%5C%C3%A9%09%25%3B%2B%23`
	inJSON  = `a/b?c&d=e \"f\"\\é\u0009%;+#`
)

func TestDefaultMethodsAndNames(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]string{
		"path: /": "GET /", "{path: /, body: ''}": "POST /", "{path: /, json: {}}": "POST /", "{path: /, form: {}}": "POST /",
		"{path: /, method: DELETE, body: a}": "DELETE /", "{path: /, method: PURGE}": "PURGE /",
	} {
		if got := first(t, "tasks:\n- "+step, nil, 0)(); got.Method+" "+got.Path != want {
			t.Errorf("%s became %s %s", step, got.Method, got.Path)
		}
	}
}

// busy is a typical step: path, header and body change from call to call.
const busy = `
csv: {file: rows.csv}
tasks:
- path: /buy/{{int 1 9}}?user={{row.a}}
  headers: {Idempotency-Key: "{{uuid}}", Accept: application/json}
  json: {user_email: "{{row.a}}@example.com", quantity: "{{int 1 5}}", note: "{{text 20}}"}
`

// TestRenderingAllocatesLittle: only the path, and one string for all header fields.
func TestRenderingAllocatesLittle(t *testing.T) {
	prepare := first(t, busy, files{"rows.csv": "a\nada lovelace and others of a long name\n"}, 0)
	prepare()
	if n := testing.AllocsPerRun(200, func() { prepare() }); n > 2 {
		t.Errorf("a request takes %v allocations, want 2", n)
	}
	constant := first(t, "tasks: [{path: /concerts, headers: {Accept: a}, body: b}]", nil, 0)
	constant()
	if n := testing.AllocsPerRun(200, func() { constant() }); n > 0 {
		t.Errorf("a request that is always the same takes %v allocations", n)
	}
}

func BenchmarkRender(b *testing.B) {
	prepare := first(b, busy, files{"rows.csv": "a\nada\n"}, 0)
	b.ReportAllocs()
	for b.Loop() {
		prepare()
	}
}
