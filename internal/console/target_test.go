package console_test

import (
	"fmt"
	"strings"
	"testing"
)

// longError is a typical Prometheus error with a long part without blanks.
var longError = `Get "https://shop-production-eu-west-1.internal.example.com:8443/admin/metrics/?***": tls: failed to verify certificate: x509: ` +
	`certificate is valid for *.shop.example.com, shop.example.com, not ` + strings.Repeat("shop-production-", 12) + `; END-OF-ERROR`

// TestErrorOfATarget checks that the whole error is visible at every window width.
func TestErrorOfATarget(t *testing.T) {
	t.Parallel()
	api := newBackend(t, options())
	api.broken = longError
	b := newBrowser(t)
	b.LooksLike("", "light", 1200, 900)
	b.open(api.URL)
	b.settles()
	for _, width := range []int64{360, 560, 768, 900, 1024, 1200, 1280, 1920} {
		b.LooksLike("", "light", width, 900)
		b.sees(fmt.Sprintf(`innerWidth === %d`, width))
		b.Fits("the page")
		// The error is complete, and lies within the window and its card.
		b.sees(`(() => {
			const error = document.querySelector('#target-rows .error'), card = error.closest('.card').getBoundingClientRect();
			const range = document.createRange();
			range.selectNodeContents(error);
			return error.textContent.endsWith('END-OF-ERROR') && [...range.getClientRects()].every(
				(r) => r.width > 0 && r.left >= Math.max(card.left, 0) && r.right <= Math.min(card.right, innerWidth));
		})()`)
		if width == 360 || width == 1200 {
			b.screenshot(fmt.Sprintf("target-%d", width))
		}
	}
	b.clean()
}
