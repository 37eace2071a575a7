package server

import (
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"onsale/internal/sale"
)

// obstacleInterval is how often the log says at most that the same obstacle keeps a
// call from being answered.
const obstacleInterval = 10 * time.Minute

// obstacles logs what keeps calls from being answered. Those that a purchase meets
// the seller has logged; this is for the rest, such as a missing privilege on the
// items.
type obstacles struct {
	log    *slog.Logger
	seller Seller

	mu   sync.Mutex
	told map[string]told // by the mux's pattern
}

// told is the obstacle of a call that was logged last.
type told struct {
	reason string
	at     time.Time
}

func newObstacles(log *slog.Logger, seller Seller) *obstacles {
	return &obstacles{log: log, seller: seller, told: make(map[string]told)}
}

// tell logs the obstacle that a call met, unless the log has it already.
func (o *obstacles) tell(now time.Time, pattern string, obstacle *sale.ObstacleError) {
	if o.seller.Ready() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	last, ok := o.told[pattern]
	if ok && last.reason == obstacle.Reason && now.Sub(last.at) < obstacleInterval {
		return
	}
	o.told[pattern] = told{obstacle.Reason, now}
	o.log.Error("call cannot be answered", "pattern", pattern, "error", obstacle)
}

// sentence makes a sentence of an error's text.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".") + "."
}
