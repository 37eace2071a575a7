package report_test

import (
	"strings"
	"testing"

	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
)

func page(t *testing.T, r result.Run) string {
	t.Helper()
	var out strings.Builder
	if err := report.WriteHTML(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestWriteHTML(t *testing.T) {
	t.Parallel()
	golden(t, "small.html", page(t, sample(3)))
}
