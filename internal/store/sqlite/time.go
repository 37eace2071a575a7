package sqlite

import "time"

// timeLayout is how times stand in the tables: RFC 3339, always in UTC and with
// six decimals, so that their texts sort as they do.
const timeLayout = "2006-01-02T15:04:05.000000Z"

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// parseTime reads a time, also one that somebody wrote with other decimals or
// another zone. The empty text is the zero time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t.UTC(), err
}
