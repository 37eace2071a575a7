package problem_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"onsale/internal/problem"
)

func TestLoneSurrogates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`"plain"`: false, `"\u00e9\n\\"`: false, `"\ud83c\udfab"`: false, `"\uD83C\uDFAB ticket"`: false, `"🎫"`: false,
		`"\\ud800"`: false, `"\\\\ud800"`: false, `"\ufffd"`: false, `{"a":1}`: false, ``: false, `"\`: false,
		`"\ud800"`: true, `"\uDFFF"`: true, `"\udc00\ud800"`: true, `"\ud800\ud800\udc00"`: true, `"\ud800x\udc00"`: true,
		`"\ud83c"`: true, `"\\\ud800"`: true, `{"\ud800":1}`: true, `{"a":["\udbff"]}`: true, `"\ud800\n"`: true, `"\ud800\\udc00"`: true,
	} {
		if got := problem.HasLoneSurrogate([]byte(text)); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// TestReadRejectsLoneSurrogates, with the field named.
func TestReadRejectsLoneSurrogates(t *testing.T) {
	t.Parallel()
	for body, field := range map[string]string{`{"name":"\ud800"}`: "name", `{"names":["a","\udc00"]}`: "names", `{"name":"\ud83c\udfab"}`: ""} {
		var into struct {
			Name  string   `json:"name"`
			Names []string `json:"names"`
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		p := problem.Read(httptest.NewRecorder(), r, &into)
		switch {
		case p == nil && field != "":
			t.Errorf("%s is accepted as %q", body, into)
		case p != nil && (field == "" || len(p.Errors) != 1 || p.Errors[0].Field != field):
			t.Errorf("%s: %+v, want %q", body, p, field)
		}
	}
}

// FuzzLoneSurrogate compares the result with encoding/json, which replaces a lone surrogate
// by U+FFFD.
func FuzzLoneSurrogate(f *testing.F) {
	f.Add(`"\ud800\udc00"`)
	f.Add(`"\\ud800 \ud83cx"`)
	f.Fuzz(func(t *testing.T, text string) {
		var decoded string
		if json.Unmarshal([]byte(text), &decoded) != nil || strings.ToValidUTF8(text, "") != text ||
			strings.Contains(text, "\ufffd") || strings.Contains(strings.ToLower(text), `\ufffd`) {
			return
		}
		if got, want := problem.HasLoneSurrogate([]byte(text)), strings.Contains(decoded, "\ufffd"); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	})
}
