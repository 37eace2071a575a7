package sqlite

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Settings of the connections; see https://sqlite.org/pragma.html.
const (
	// busyTimeout is how long a statement waits for another process's lock. After that
	// it fails with a conflict.
	busyTimeout = 800 * time.Millisecond
	// writerCacheKiB is the page cache of the writer. Random keys touch pages all over
	// their index, and the hot ones must fit.
	writerCacheKiB = 16 << 10
	// checkpointPages is the size of the write-ahead log, in pages of 4 KiB, that starts
	// a checkpoint. Four times SQLite's default saves a fifth of the writes when every
	// order has a random key.
	checkpointPages = 4000
	// logBytes is the size that the write-ahead log shrinks to after a checkpoint. The
	// log can grow beyond it while a long read prevents checkpoints.
	logBytes = 64 << 20
)

// file is the absolute path of the database file.
type file string

// prepareFile creates the file and its directory if they do not exist. SQLite gives
// its other files, such as the write-ahead log, the same mode.
func prepareFile(path string) (file, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find database: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("create data directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", fmt.Errorf("open database: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("open database: %w", err)
	}
	return file(path), nil
}

// writing is the data source of a connection that writes.
func (f file) writing(busy time.Duration) string {
	return f.source(
		timeoutPragma(busy),
		"journal_mode(WAL)",
		"synchronous(FULL)", // a commit is on disk before it returns
		"foreign_keys(1)",
		fmt.Sprintf("cache_size(-%d)", writerCacheKiB),
		fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages),
		fmt.Sprintf("journal_size_limit(%d)", logBytes),
	) + "&_txlock=immediate"
}

// reading is the data source of a connection that cannot write.
func (f file) reading() string {
	return f.source(timeoutPragma(busyTimeout), "query_only(1)")
}

// source returns the file's URI with pragmas for each new connection.
func (f file) source(pragmas ...string) string {
	path := filepath.ToSlash(string(f))
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/… on Windows
	}
	uri := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return uri.String()
}

func timeoutPragma(d time.Duration) string {
	return fmt.Sprintf("busy_timeout(%d)", d.Milliseconds())
}
