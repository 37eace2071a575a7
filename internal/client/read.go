package client

import (
	"io"
	"net/http"
	"strings"
	"unicode"

	"onsale/internal/endpoint"
)

// read reads up to limit bytes, and reports whether that was all.
func read(r io.Reader, limit int) (body []byte, whole bool, err error) {
	body, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, false, err
	}
	if len(body) > limit {
		return body[:limit], false, nil
	}
	return body, true, nil
}

// maxQuote limits what an error quotes of an answer, in runes.
const maxQuote = 200

// Quote returns the beginning of a text that a server sent, on one line and
// without what a terminal would take for a command. It has at most some 200 characters.
func Quote(text string) string {
	if len(text) > 4*maxQuote {
		text = text[:4*maxQuote] // spares the rest the conversion
	}
	clean := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if runes := []rune(clean); len(runes) > maxQuote {
		return string(runes[:maxQuote]) + "…"
	}
	return clean
}

// told is [Quote] for what a server says went wrong. It may repeat an address with a
// password in it, such as that of its database: that is hidden. The query of a path, as
// in "no /shows?sort=price", is left for its sender to read.
func told(text string) string {
	quoted := Quote(text)
	if !strings.Contains(quoted, "://") && !strings.Contains(quoted, "@") {
		return quoted
	}
	return endpoint.Clean(quoted)
}

// hasNext reports whether a header Link names a next page (RFC 8288).
func hasNext(header http.Header) bool {
	for _, line := range header.Values("Link") {
		for link := range strings.SplitSeq(line, ",") {
			for parameter := range strings.SplitSeq(link, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
				if strings.EqualFold(strings.TrimSpace(name), "rel") &&
					strings.EqualFold(strings.Trim(strings.TrimSpace(value), `"`), "next") {
					return true
				}
			}
		}
	}
	return false
}
