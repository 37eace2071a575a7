package sqlite

import "time"

// timeLayout is the format of times in the tables: RFC 3339, always in UTC and with six
// decimals, so that their texts sort in order of time.
const timeLayout = "2006-01-02T15:04:05.000000Z"

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// parseTime parses a time. It accepts other decimals and zones too, for rows written by
// other programs. The empty text is the zero time.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t.UTC(), err
}
