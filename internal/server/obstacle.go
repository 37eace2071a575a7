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

// obstacleInterval is the minimum time between two log messages about the same obstacle
// of a call.
const obstacleInterval = 10 * time.Minute

// obstacles logs why calls cannot be answered. The seller logs the obstacles of
// purchases; this type logs all others, such as a missing privilege on the table of
// items.
type obstacles struct {
	log    *slog.Logger
	seller Seller

	mu     sync.Mutex
	logged map[string]logged // by the mux's pattern
}

// logged is the obstacle that was last logged for a call.
type logged struct {
	reason string
	at     time.Time
}

func newObstacles(log *slog.Logger, seller Seller) *obstacles {
	return &obstacles{log: log, seller: seller, logged: make(map[string]logged)}
}

// report logs the obstacle of a call, unless it was logged recently.
func (o *obstacles) report(now time.Time, pattern string, obstacle *sale.ObstacleError) {
	if o.seller.Ready() != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	last, ok := o.logged[pattern]
	if ok && last.reason == obstacle.Reason && now.Sub(last.at) < obstacleInterval {
		return
	}
	o.logged[pattern] = logged{obstacle.Reason, now}
	o.log.Error("call cannot be answered", "pattern", pattern, "error", obstacle)
}

// sentence turns the text of an error into a sentence.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(text[size:], ".") + "."
}
