package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"onsale/internal/stress/result"
)

// save writes a file atomically: readers see the old or the new content, and a full
// disk leaves the old file as it was. Files that are not regular, such as a pipe or
// /dev/stdout, are written directly.
func save(file string, write func(io.Writer) error) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return into(file, file, os.O_WRONLY, write)
	}
	target := file
	if linked, err := filepath.EvalSymlinks(file); err == nil {
		target = linked // keep a symbolic link
	}
	beside := filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+"."+strconv.FormatUint(uint64(rand.Uint32()), 36)+".tmp")
	err := into(file, beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, write)
	if err == nil {
		if err = os.Rename(beside, target); err == nil {
			return nil
		}
		err = fmt.Errorf("write %s: %w", file, cause(err))
	}
	if removed := os.Remove(beside); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// into opens a file and writes to it. Errors name the file that the caller named.
func into(asked, file string, flags int, write func(io.Writer) error) error {
	//nolint:gosec // the user's umask decides: a report that is written in a container is read outside it
	f, err := os.OpenFile(file, flags, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %w", asked, cause(err))
	}
	b := bufio.NewWriter(f)
	if err = write(b); err == nil {
		err = b.Flush()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", asked, cause(err))
	}
	return nil
}

// cause returns an error without the name of the temporary file.
func cause(err error) error {
	var file *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &file):
		return file.Err
	case errors.As(err, &link):
		return link.Err
	default:
		return err
	}
}

// SaveJSON writes a report to a file, or to stdout if the file is "-".
func SaveJSON(file string, stdout io.Writer, r result.Run) error {
	if file == "-" {
		return result.Write(stdout, r)
	}
	return save(file, func(w io.Writer) error { return result.Write(w, r) })
}
