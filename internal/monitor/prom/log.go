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
	// repeatAfter is how long the same warning is not logged again. A full disk fails
	// every scrape, every second.
	repeatAfter = time.Minute
	// maxRemembered is how many different warnings are remembered.
	maxRemembered = 256
	// fullDisk is the key of all warnings that the disk is full.
	fullDisk = "full disk"
)

// quietHandler handles the log of the library. It lowers level info to debug, suppresses
// repeated warnings, and hides the secrets of the configuration.
type quietHandler struct {
	next slog.Handler
	// hide removes the secrets of the user's files.
	hide conceal.Texts
	// scope is the text of attributes and groups from With. It is part of a warning's key.
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

// Enabled reports whether a record of the level would be logged.
func (h quietHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, lowered(l))
}

// Handle logs a record, unless it is a warning that was logged less than repeatAfter ago.
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
	shown := slog.NewRecord(r.Time, r.Level, h.hide.Clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		shown.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, shown)
}

// attr returns an attribute without secrets. Strings, errors and targets can contain
// them: the URL of a target has params.
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

// key returns the identity of a warning: its scope, its message and its string
// attributes. Numbers and the error are not part of it, because the error may contain a
// port that is different each time. All warnings about a full disk have one key, because
// it fails all scrapes and all rules.
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
	shown := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		shown[i] = h.attr(a)
	}
	h.next = h.next.WithAttrs(shown)
	for _, a := range shown {
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

// warnings records when each warning was last logged.
type warnings struct {
	mu   sync.Mutex
	seen map[string]*warning
}

type warning struct {
	logged     time.Time
	suppressed int
}

// note reports whether to log a warning at the time now, and how many of the same key
// were suppressed since the last one was logged.
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
