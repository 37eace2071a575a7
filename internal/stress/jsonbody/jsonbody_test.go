package jsonbody_test

import (
	"encoding/json"
	"strings"
	"testing"

	"onsale/internal/stress/jsonbody"
)

// FuzzValid compares Valid with encoding/json.
func FuzzValid(f *testing.F) {
	for _, body := range []string{
		"", " ", "{}", " [1] \n", "[1,]", `{"a":1,"a":2}`, `{"a"}`, "01", "-", "1.", "1e5", "nul", "null x", `"\x"`, `"\u12"`, "\"\x01\"", "\"\xff\"", "\ufeff1",
		strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000), strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		want := json.Valid(body)
		if got := jsonbody.Valid(body); got != want {
			t.Errorf("Valid(%q) is %t, encoding/json has %t", body, got, want)
		}
		if _, ok := jsonbody.Parse(body); ok != want {
			t.Errorf("Parse(%q) returned %t, encoding/json has %t", body, ok, want)
		}
	})
}

// TestParseRejectsBodiesNestedTooDeeply: a target must not exhaust the stack of the load tester.
func TestParseRejectsBodiesNestedTooDeeply(t *testing.T) {
	t.Parallel()
	const depth = 500_000
	if _, ok := jsonbody.Parse([]byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))); ok {
		t.Error("a body nested 500,000 deep was parsed")
	}
}

func TestInteger(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{"7": true, "-7": true, "9223372036854775807": true, "9223372036854775808": false, "7.0": false, "1e3": false, `"7"`: false, "null": false} {
		value, _ := jsonbody.Parse([]byte(body))
		if _, ok := jsonbody.Integer(value); ok != want {
			t.Errorf("Integer(%s) returned %t, want %t", body, ok, want)
		}
	}
}
