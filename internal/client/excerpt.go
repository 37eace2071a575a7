package client

import (
	"bytes"
	"cmp"
	"encoding/json"
	"html"
	"regexp"
	"unicode/utf8"
)

// maxPage is how much of an HTML page is searched for its title, in bytes.
const maxPage = 8 << 10

// title matches the title or first heading of an HTML page, such as a proxy's error page.
var title = regexp.MustCompile(`(?is)<(?:title|h1)[^>]*>(.*?)</(?:title|h1)>`)

// Excerpt returns the error message in the body of an answer, on one line of about 200
// characters at most. It is the member message, error, detail or title of a JSON object,
// the title of an HTML page, or the beginning of any other text. It is empty for binary
// data. Passwords and queries of URLs are hidden.
func Excerpt(body []byte) string {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(body, &members) // a body that is not an object has no members
	return cmp.Or(message(members), excerpt(body))
}

// message returns the message of a problem, or "" if it has none.
func message(members map[string]json.RawMessage) string {
	for _, name := range []string{"message", "error", "detail", "title"} {
		if m := scrub(text(members[name])); m != "" {
			return m
		}
	}
	return ""
}

// excerpt returns the title of an HTML page, or the beginning of any other text.
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
		return scrub(html.UnescapeString(string(found[1])))
	}
	return scrub(string(body))
}

// partial returns the number of bytes of an incomplete character at the end of the first
// maxPage bytes.
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
