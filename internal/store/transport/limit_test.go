package transport_test

import (
	"maps"
	"testing"

	"onsale/internal/store/transport"
)

// TestTakeLimit takes a limit from every place where a URL can have it, and leaves the
// other settings.
func TestTakeLimit(t *testing.T) {
	t.Parallel()
	type params = map[string]string
	for name, c := range map[string]struct {
		params, left params
		want         string // empty for an error
	}{
		"nothing set":        {params{"search_path": "x"}, params{"search_path": "x"}, "2s"},
		"parameter":          {params{"lock_timeout": "0"}, params{}, "0"},
		"unit":               {params{"lock_timeout": "1.5 min"}, params{}, "1.5 min"},
		"-c":                 {params{"options": "-c lock_timeout=3s"}, params{}, "3s"},
		"-c without a blank": {params{"options": "-clock_timeout=3s"}, params{}, "3s"},
		"--":                 {params{"options": "--lock-timeout=3s"}, params{}, "3s"},
		"last of two":        {params{"options": "-c lock_timeout=3s --lock_timeout=4s"}, params{}, "4s"},
		"among others":       {params{"options": "-c a=b -c lock_timeout=3s -c c=d"}, params{"options": "-c a=b -c c=d"}, "3s"},
		"another's end":      {params{"options": "-c my.lock_timeout=3s"}, params{"options": "-c my.lock_timeout=3s"}, "2s"},
		"parameter beats -c": {params{"options": "-c lock_timeout=3s", "lock_timeout": "4s"}, params{}, "4s"},
		"not a time":         {params{"lock_timeout": "soon"}, params{}, ""},
		"negative":           {params{"lock_timeout": "-1"}, params{}, ""},
		"end of a literal":   {params{"lock_timeout": "5s'"}, params{}, ""},
		"not a time, as -c":  {params{"options": "-c lock_timeout="}, params{}, ""},
		"second line":        {params{"lock_timeout": "5s\n"}, params{}, ""},
	} {
		left := maps.Clone(c.params)
		got, err := transport.TakeLimit(left, "lock_timeout", "2s")
		if got != c.want || (err == nil) != (c.want != "") || !maps.Equal(left, c.left) {
			t.Errorf("%s: %q, %v and %v left, want %q and %v", name, got, err, left, c.want, c.left)
		}
	}
}

func TestTakePooler(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"true": true, "1": true, "false": false} {
		params := map[string]string{"pgbouncer": value}
		if got := transport.TakePooler(params); got != want || len(params) != 0 {
			t.Errorf("pgbouncer=%s: %t and %v left, want %t and none", value, got, params, want)
		}
	}
	if transport.TakePooler(map[string]string{}) {
		t.Error("without the parameter, TakePooler reports a pooler")
	}
}
