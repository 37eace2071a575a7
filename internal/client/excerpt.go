package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"html"
	"regexp"
	"unicode/utf8"
)

// maxPage is how much of a page of HTML is searched for its title, in bytes.
const maxPage = 8 << 10

// title finds what a page of HTML says in short: servers and proxies answer with one.
var title = regexp.MustCompile(`(?is)<(?:title|h1)[^>]*>(.*?)</(?:title|h1)>`)

// Excerpt returns what an answer that is no success says, on one line of at most some
// 200 characters: a member message, error, detail or title of its JSON, the title of a
// page, or the beginning of any other text. It is empty for what is no text. Passwords and
// queries of URLs in it are hidden.
func Excerpt(body []byte) string {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members) // what is no object at all has no members
	return cmp.Or(message(members), excerpt(body))
}

// message returns what a problem says of itself; nothing if it has no such member.
func message(members map[string]json.RawMessage) string {
	for _, name := range []string{"message", "error", "detail", "title"} {
		if m := told(text(members[name])); m != "" {
			return m
		}
	}
	return ""
}

// excerpt returns the title of a page, or the beginning of any other text.
func excerpt(body []byte) string {
	body = bytes.TrimSpace(body)
	if !utf8.Valid(body[:min(len(body), maxPage)-partial(body)]) {
		return ""
	}
	if bytes.HasPrefix(body, []byte("<")) {
		found := title.FindSubmatch(body[:min(len(body), maxPage)])
		if found == nil {
			return ""
		}
		return told(html.UnescapeString(string(found[1])))
	}
	return told(string(body))
}

// partial returns how many bytes of a character stand at the end of the part of a text
// that is looked at.
func partial(body []byte) int {
	if len(body) <= maxPage {
		return 0
	}
	cut := 0
	for cut < utf8.UTFMax-1 && !utf8.RuneStart(body[maxPage-cut]) {
		cut++
	}
	return cut
}
