package scenariofile_test

import (
	"os"
	"strings"
	"testing"

	"onsale/internal/stress/scenariofile"
)

// TestDocumentMatchesTheDecoder: the examples in docs/stress-scenario.md load, and it names every field.
func TestDocumentMatchesTheDecoder(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../docs/stress-scenario.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	blocks := strings.Split(text, "```yaml\n")[1:]
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		if strings.HasPrefix(block, "- ") {
			block = "tasks:\n" + block
		}
		load(t, block, files{"rows.csv": "email\na@example.com\n"}, nil)
	}
	if len(blocks) < 3 {
		t.Errorf("the document has %d examples, want at least 3", len(blocks))
	}
	for name, fields := range scenariofile.Fields() {
		for _, field := range fields {
			if !strings.Contains(text, "`"+field+"`") && !strings.Contains(text, field+":") {
				t.Errorf("the document does not name %s.%s", name, field)
			}
		}
	}
}
