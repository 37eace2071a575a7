package alerting

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
)

// reopen opens a snapshot. One that can be read but not understood is set aside,
// and the part starts empty: a broken file costs some silences or tells an alert
// twice, which is better than to tell nothing.
func reopen[T any](log *slog.Logger, file string, open func(file string) (T, error)) (T, error) {
	opened, err := open(file)
	var access *fs.PathError
	if err == nil || errors.As(err, &access) {
		return opened, err
	}
	aside := file + ".broken"
	if renamed := os.Rename(file, aside); renamed != nil {
		return opened, fmt.Errorf("set broken snapshot aside: %w", errors.Join(err, renamed))
	}
	log.Warn("set a broken snapshot aside and began anew", "file", file, "aside", aside, "error", err)
	return open(file)
}
