package alerting

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
)

// reopen opens a snapshot. If its content is broken, reopen renames the file and the
// part starts empty. This can lose silences or send an alert twice, which is better
// than sending nothing.
func reopen[T any](log *slog.Logger, file string, open func(file string) (T, error)) (T, error) {
	opened, err := open(file)
	var access *fs.PathError
	if err == nil || errors.As(err, &access) {
		return opened, err
	}
	aside := file + ".broken"
	if renamed := os.Rename(file, aside); renamed != nil {
		return opened, fmt.Errorf("rename broken snapshot: %w", errors.Join(err, renamed))
	}
	log.Warn("renamed a broken snapshot and started empty", "file", file, "renamed_to", aside, "error", err)
	return open(file)
}
