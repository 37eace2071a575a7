package client

import (
	"bytes"
	"html"
	"regexp"
	"unicode/utf8"
)

// maxPage is how much of a page of HTML is searched for its title, in bytes.
const maxPage = 8 << 10

// title finds what a page of HTML says in short: servers and proxies answer with one.
var title = regexp.MustCompile(`(?is)<(?:title|h1)[^>]*>(.*?)</(?:title|h1)>`)

// excerpt returns what an answer says, where it has none of the members that problems
// have: the title of a page, or the beginning of any other text. It is empty for what
// is no text.
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
		return Quote(html.UnescapeString(string(found[1])))
	}
	return Quote(string(body))
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
