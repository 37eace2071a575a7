package scenariofile_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func random() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func canceled(t *testing.T, after time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), after)
}

// hurried removes the waits of a scenario, to keep the test short.
func hurried(text string) string {
	return strings.NewReplacer(
		"{between: [1s, 3s]}", "5ms", "[1s, 3s]", "5ms", "{constant: 500ms}", "5ms", "[200ms, 1s]", "1ms", "pause: 100ms", "pause: 1ms",
	).Replace(text)
}
