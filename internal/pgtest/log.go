package pgtest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
)

// logTailBytes is how much of the server's log a failed test shows.
const logTailBytes = 2048

// logName is the name of the server's log file in the cluster's directory.
const logName = "log"

// logTail returns the last lines of the server's log.
func (c *cluster) logTail() string {
	text := c.logAfter(max(c.logSize()-logTailBytes, 0))
	return string(bytes.TrimSpace(text))
}

// loggedSince reports whether the log contains the text after the first size bytes.
func (c *cluster) loggedSince(size int64, text string) bool {
	return bytes.Contains(c.logAfter(size), []byte(text))
}

// logSize returns the size of the log in bytes, 0 if there is none.
func (c *cluster) logSize() int64 {
	info, err := os.Stat(filepath.Join(c.dir, logName))
	if err != nil {
		return 0
	}
	return info.Size()
}

// logAfter returns up to 1 MiB of the log from an offset on. It ignores errors.
func (c *cluster) logAfter(offset int64) []byte {
	f, err := os.Open(filepath.Join(c.dir, logName))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read
	text, _ := io.ReadAll(io.NewSectionReader(f, offset, 1<<20))
	return text
}
