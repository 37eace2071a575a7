package client_test

import (
	"net/http"
	"strings"
	"testing"

	"onsale/internal/client"
)

// TestNoErrorShowsAPassword: a failing server may send the URL of its database.
func TestNoErrorShowsAPassword(t *testing.T) {
	t.Parallel()
	const secret = "hUNTER2"
	address := "postgres://onsale:" + secret + "@db/onsale?password=" + secret
	for name, c := range map[string]struct{ body, want string }{
		"message": {`{"message":"cannot connect to ` + address + `: refused"}`, "cannot connect to postgres://***"},
		"error":   {`{"error":"dial ` + address + `"}`, "dial postgres://***"},
		"detail":  {`{"code":"internal","detail":"no answer from onsale:` + secret + `@db"}`, "no answer from ***@db"},
		"page":    {`<title>Cannot reach ` + address + `</title>`, "Cannot reach postgres://***"},
		"text":    {`panic: ` + address + "\nat main.go:1", "panic: postgres://***"},
		"cut off": {strings.Repeat("x", 180) + " postgres://onsale:" + secret + strings.Repeat("y", 99) + "@db", "x postgres://***"},
		// The control: text without a secret is unchanged.
		"path":  {`{"message":"no /shows?sort=price, only ?sort=date"}`, "no /shows?sort=price, only ?sort=date"},
		"plain": {`{"message":"disk full at 10:30, see https://status.example/now, or mail ops@example.com"}`, "disk full at 10:30, see https://status.example/now, or mail ops@example.com"},
	} {
		if got := client.Excerpt([]byte(c.body)); strings.Contains(got, secret) || !strings.Contains(got, c.want) {
			t.Errorf("%s: excerpt %q, want %q", name, got, c.want)
		}
		_, err := clientOf(t, canned{status: http.StatusInternalServerError, body: strings.NewReader(c.body)}).Buy(t.Context(), order)
		if err == nil || strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		_, err = clientOf(t, canned{status: http.StatusOK, body: strings.NewReader(address)}).Buy(t.Context(), order)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: malformed answer: %v", name, err)
		}
	}
}
