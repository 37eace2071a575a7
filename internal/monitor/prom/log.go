package prom

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"time"

	"onsale/internal/monitor/conceal"
)

const (
	// repeatAfter is how long a warning that was logged is not logged again. A
	// full disk fails every scrape, every second.
	repeatAfter = time.Minute
	// maxRemembered is how many different warnings are remembered.
	maxRemembered = 256
	// fullDisk is the key of all warnings that the disk is full.
	fullDisk = "full disk"
)

// quietHandler makes the library's log fit for the log of another program: what
// is at level info there is at debug here, warnings are not repeated, and no secret
// of the configuration passes.
type quietHandler struct {
	next slog.Handler
	// hide keeps what may be secret in the user's files out of the log.
	hide conceal.Texts
	// scope is what With added, for telling warnings apart.
	scope    string
	warnings *warnings
}

var _ slog.Handler = quietHandler{}

func newQuietHandler(next slog.Handler, hide conceal.Texts) quietHandler {
	return quietHandler{next: next, hide: hide, warnings: &warnings{seen: make(map[string]*warning)}}
}

func lowered(l slog.Level) slog.Level {
	if l < slog.LevelWarn {
		return slog.LevelDebug
	}
	return l
}

// Enabled reports whether something of the level would be logged.
func (h quietHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, lowered(l))
}

// Handle logs a record, unless it says again what was said a moment ago.
func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	r.Level = lowered(r.Level)
	if r.Level >= slog.LevelWarn {
		log, suppressed := h.warnings.note(h.key(r), r.Time)
		if !log {
			return nil
		}
		if suppressed > 0 {
			r = r.Clone()
			r.AddAttrs(slog.Int("suppressed", suppressed))
		}
	}
	told := slog.NewRecord(r.Time, r.Level, h.hide.Clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		told.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, told)
}

// attr returns an attribute without secrets: those of texts, of errors, and of
// targets, whose URLs have params.
func (h quietHandler) attr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		value = slog.StringValue(h.hide.Clean(value.String()))
	case slog.KindAny:
		switch v := value.Any().(type) {
		case error:
			value = slog.StringValue(h.hide.Clean(v.Error()))
		case fmt.Stringer:
			value = slog.StringValue(h.hide.Clean(v.String()))
		}
	default:
	}
	return slog.Attr{Key: a.Key, Value: value}
}

// key is by what two warnings are the same: who speaks, the message and what it
// is about, but not the figures and not the error, which may name a port that is
// another one each time. A full disk is the same whoever speaks: it fails all
// scrapes and all rules.
func (h quietHandler) key(r slog.Record) string {
	var key strings.Builder
	full := false
	key.WriteString(r.Level.String())
	key.WriteString(h.scope)
	key.WriteString(" " + r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Value.Kind() == slog.KindString && a.Key != "err" {
			key.WriteString(" " + a.String())
		}
		if err, ok := a.Value.Any().(error); ok && errors.Is(err, syscall.ENOSPC) {
			full = true
		}
		return true
	})
	if full {
		return fullDisk
	}
	return key.String()
}

// WithAttrs returns a handler whose records have the attributes.
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	told := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		told[i] = h.attr(a)
	}
	h.next = h.next.WithAttrs(told)
	for _, a := range told {
		h.scope += " " + a.String()
	}
	return h
}

// WithGroup returns a handler whose records are in the group.
func (h quietHandler) WithGroup(name string) slog.Handler {
	h.next = h.next.WithGroup(name)
	h.scope += " " + name
	return h
}

// warnings remembers when what was logged.
type warnings struct {
	mu   sync.Mutex
	seen map[string]*warning
}

type warning struct {
	logged     time.Time
	suppressed int
}

// note says whether a warning is to be logged at the time now, and if so how
// many of its kind were not since the last one.
func (w *warnings) note(key string, now time.Time) (log bool, suppressed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.seen[key]
	switch {
	case last == nil:
		if len(w.seen) >= maxRemembered {
			clear(w.seen)
		}
		w.seen[key] = &warning{logged: now}
		return true, 0
	case now.Sub(last.logged).Abs() < repeatAfter:
		last.suppressed++
		return false, 0
	}
	suppressed = last.suppressed
	last.logged, last.suppressed = now, 0
	return true, suppressed
}
