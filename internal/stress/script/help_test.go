package script_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

func dice() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func canceled(t *testing.T, after time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), after)
}
