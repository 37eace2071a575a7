package docs_test

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestLabAddsUp: the parts of the lab take three hours, and each question is in the marking guide with the
// points that it is worth.
func TestLabAddsUp(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("tutorials/lab.md")
	if err != nil {
		t.Fatal(err)
	}
	// numbers maps what a pattern finds first to the number that it finds second.
	numbers := func(pattern string) (found map[string]int, sum int) {
		found = make(map[string]int)
		for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			number, err := strconv.Atoi(string(match[2]))
			if err != nil {
				t.Fatal(err)
			}
			if _, twice := found[string(match[1])]; twice {
				t.Errorf("%s appears twice", match[1])
			}
			found[string(match[1])] = number
			sum += number
		}
		return found, sum
	}

	if parts, minutes := numbers(`(?m)^\| (\[\d.*?\]\(#.*?\)|break) \| (\d+) \|`); len(parts) != 10 || minutes != 180 {
		t.Errorf("the %d parts take %d minutes, want 10 and 180", len(parts), minutes)
	}
	asked, points := numbers(`\*\*(Q\d\.\d)\*\* \((\d)\)`)
	answered, _ := numbers(`(?m)^\| (Q\d\.\d) \| (\d) \|`)
	if points != 60 {
		t.Errorf("the questions are worth %d points, want 60", points)
	}
	for question, worth := range asked {
		if answered[question] != worth {
			t.Errorf("%s is worth %d points in the lab, and %d in the marking guide", question, worth, answered[question])
		}
	}
	if len(answered) != len(asked) {
		t.Errorf("the guide answers %d questions, and the lab asks %d", len(answered), len(asked))
	}
}
