package docs_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestItemsAssignmentNamesThePanels checks that the assignment has the panels of the dashboard Items,
// with their names and queries, and the Grafana version in deploy/.
func TestItemsAssignmentNamesThePanels(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page := read("tutorials/items-assignment.md")
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read("../deploy/grafana/dashboards/items.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	if len(dashboard.Panels) != 8 {
		t.Errorf("the dashboard has %d panels, the assignment asks for eight", len(dashboard.Panels))
	}
	chosen := strings.NewReplacer("$job", "ticket_system", "$window", "1m")
	for _, panel := range dashboard.Panels {
		last := panel.Targets[len(panel.Targets)-1].Expr // of percentiles, the highest
		if row := "| " + panel.Title + " | `" + chosen.Replace(last) + "` |"; !strings.Contains(page, row) {
			t.Errorf("the assignment has no row that begins with %s", row)
		}
	}
	image := regexp.MustCompile(`grafana/grafana:\S+`)
	want := image.FindString(read("../deploy/kubernetes/base/grafana.yaml"))
	if got := image.FindString(page); want == "" || got != want {
		t.Errorf("the assignment runs %s, deploy/kubernetes %s", got, want)
	}
}
