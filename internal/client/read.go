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

// maxQuote limits the quotation of an answer in an error, in runes.
const maxQuote = 200

// Quote returns the beginning of a text from a server, on one line of about 200 characters
// at most and without terminal control sequences.
func Quote(text string) string {
	if len(text) > 4*maxQuote {
		text = text[:4*maxQuote] // do not convert the rest
	}
	clean := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if runes := []rune(clean); len(runes) > maxQuote {
		return string(runes[:maxQuote]) + "…"
	}
	return clean
}

// scrub is [Quote] for error messages. It hides passwords in URLs, such as that of the
// server's database. It keeps the query of a path without a host, as in
// "no /shows?sort=price", which helps the caller.
func scrub(text string) string {
	quoted := Quote(text)
	if !strings.Contains(quoted, "://") && !strings.Contains(quoted, "@") {
		return quoted
	}
	return endpoint.Clean(quoted)
}

// hasNext reports whether a Link header has a next page (RFC 8288).
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
