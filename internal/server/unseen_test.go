package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestLoneSurrogates sends half of a surrogate pair in every text of the API. The answer
// must name the field; encoding/json would silently replace it by U+FFFD.
func TestLoneSurrogates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.concert(t, 5)
	buy := fmt.Sprintf("/buy/%d", id)
	for _, c := range []struct{ method, path, body, field string }{
		{"POST", buy, `{"user_email":"\ud800@b.cd","quantity":1}`, "user_email"},
		{"POST", buy, `{"user_email":"a@b.cd\uDFFF","quantity":1}`, "user_email"},
		{"POST", buy, `{"user_email":"a@b.cd","quantity":1,"note":"\ud83c"}`, "note"},
		{"POST", buy, `{"user_email":"a@b.cd","quantity":1,"\ud83c":1}`, "body"},
		{"POST", "/concerts/new", `{"title":"\ud83c","date":"D","venue":"V","number_of_tickets":1}`, "title"},
		{"POST", "/concerts/new", `{"title":"T","date":"x\udfab\ud83c","venue":"V","number_of_tickets":1}`, "date"},
		{"POST", "/concerts/new", `{"title":"T","date":"D","venue":"\\\ud83c","number_of_tickets":1}`, "venue"},
		{"PUT", "/faults", `{"routes":{"/buy\ud800":{"deny":1}}}`, "routes"},
		{"PUT", "/faults", `{"preset":"\ud800"}`, "preset"},
	} {
		p := wantProblem(t, r.do(c.method, c.path, c.body), 422, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Field != c.field {
			t.Errorf("%s: %v, want %s to be named", c.body, p.Errors, c.field)
		}
	}
	// Syntax errors are still reported, and complete pairs are accepted.
	wantProblem(t, r.do("POST", buy, `{"user_email":"\ud800@b.cd"`), 400, "malformed")
	wantProblem(t, r.do("POST", buy, `["\ud800"]`), 422, "invalid")
	body := `{"title":"\ud83c\udfab \ud83d\udc69\u200d\ud83c\udfa4","date":"\\ud800","venue":"V","number_of_tickets":1}`
	if w := r.do("POST", "/concerts/new", body); w.Code != 200 || object(t, w)["title"] != "🎫 👩‍🎤" || object(t, w)["date"] != `\ud800` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestUnseenCharacters sends invisible characters and those that change the direction of
// text.
func TestUnseenCharacters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	buy := fmt.Sprintf("/buy/%d", r.concert(t, 5))
	for _, unseen := range []string{"\u200b", "\u202e", "\ufeff", `\u200b`, `\u202E`, `\u00ad`, `\u3164`, `\ue000`, `\uffff`, "\u00a0"} {
		p := wantProblem(t, r.do("POST", buy, `{"user_email":"a`+unseen+`@b.cd","quantity":1}`), 422, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Field != "user_email" {
			t.Errorf("%q: %v", unseen, p.Errors)
		}
	}
	for _, field := range []string{"title", "date", "venue"} {
		body := `{"title":"T","date":"T","venue":"T","number_of_tickets":1}`
		body = strings.Replace(body, `"`+field+`":"T"`, `"`+field+`":"a\u2066b"`, 1)
		p := wantProblem(t, r.do("POST", "/concerts/new", body), 422, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Field != field {
			t.Errorf("%s: %v", field, p.Errors)
		}
	}
	for user, status := range map[string]int{
		"ada\u202e": 422, "\u061cada": 422, "a\xed\xa0\x80": 422, "a\xff": 422, // the third is \ud800 in bytes
		"Zoë": 200, "👩‍🎤": 200, "می\u200cخواهم": 200,
	} {
		if w := r.do("POST", "/api/token", "", "User-ID: "+user); w.Code != status {
			t.Errorf("User-ID %q: %d, want %d", user, w.Code, status)
		}
	}
}
