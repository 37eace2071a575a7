package pgtest

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
)

// logTailBytes is how much of the server's log a failed test shows.
const logTailBytes = 2048

// logName is the file in the cluster's directory that the server logs to.
const logName = "log"

// logTail returns the last lines of the server's log.
func (c *cluster) logTail() string {
	text := c.logAfter(max(c.logSize()-logTailBytes, 0))
	return string(bytes.TrimSpace(text))
}

// loggedSince reports whether the server logged the text after the log had the size given.
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

// logAfter returns the log from an offset on, as far as it can be read.
func (c *cluster) logAfter(offset int64) []byte {
	f, err := os.Open(filepath.Join(c.dir, logName))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // only read
	text, _ := io.ReadAll(io.NewSectionReader(f, offset, 1<<20))
	return text
}
