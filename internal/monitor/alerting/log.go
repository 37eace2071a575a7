package alerting

import (
	"context"
	"log/slog"
)

// quietHandler handles the log of the library. It lowers level info to debug and
// removes the secrets of the configuration.
type quietHandler struct {
	next slog.Handler
	hide secrets
	// detail lowers errors to debug too. It is set for the API, where errors are
	// mistakes of callers, who could otherwise fill the disk with log lines.
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
	shown := slog.NewRecord(r.Time, h.level(r.Level), h.hide.text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		shown.AddAttrs(h.attr(a))
		return true
	})
	return h.next.Handle(ctx, shown)
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

// attr hides secrets in strings and errors, the only attribute values of the library
// that can contain one. It renames the library's attribute component to part, because
// here the component is Alertmanager as a whole.
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
