package alerting

import (
	"context"
	"log/slog"
)

// quietHandler is what the library logs through: what it thinks worth telling is
// detail here, and no secret of the configuration passes.
type quietHandler struct {
	next slog.Handler
	hide secrets
	// detail makes errors detail as well. Those of the API are mistakes of its
	// callers, who could otherwise fill the disk with them.
	detail bool
}

func (h quietHandler) level(level slog.Level) slog.Level {
	if h.detail || level == slog.LevelInfo {
		return min(level, slog.LevelDebug)
	}
	return level
}

// Enabled implements [slog.Handler].
func (h quietHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, h.level(level))
}

// Handle implements [slog.Handler].
func (h quietHandler) Handle(ctx context.Context, r slog.Record) error {
	told := slog.NewRecord(r.Time, h.level(r.Level), h.hide.text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		told.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, told)
}

// WithAttrs implements [slog.Handler].
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	hidden := make([]slog.Attr, 0, len(attrs))
	for _, a := range attrs {
		hidden = append(hidden, h.attr(a))
	}
	h.next = h.next.WithAttrs(hidden)
	return h
}

// WithGroup implements [slog.Handler].
func (h quietHandler) WithGroup(name string) slog.Handler {
	h.next = h.next.WithGroup(name)
	return h
}

// attr hides secrets in texts and errors, the only values of the library's lines
// that could hold one. The component is Alertmanager as a whole; what the library
// calls so is a part of it.
func (h quietHandler) attr(a slog.Attr) slog.Attr {
	if a.Key == "component" {
		a.Key = "part"
	}
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		value = slog.StringValue(h.hide.text(value.String()))
	case slog.KindAny:
		if err, ok := value.Any().(error); ok {
			value = slog.StringValue(h.hide.err(err).Error())
		}
	default:
	}
	return slog.Attr{Key: a.Key, Value: value}
}
