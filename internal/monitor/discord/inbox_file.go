package discord

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
)

// maxFile limits the size of the file, in bytes. 200 of the longest messages need a
// quarter of it.
const maxFile = 16 << 20

// disk serializes the writes to an inbox file.
type disk struct {
	mu sync.Mutex
	// failed is true if the last write failed. A change is logged.
	failed bool
}

// stored is the content of the file.
type stored struct {
	Last          uint64    `json:"last"`
	Notifications []*record `json:"notifications"`
}

// load reads the file. It renames a corrupt one and starts empty.
func (b *Inbox) load() {
	s, err := read(b.file)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return
	}
	if err != nil {
		aside := b.file + ".corrupt"
		if moved := os.Rename(b.file, aside); moved != nil {
			err = errors.Join(err, moved)
		}
		b.log.Error("inbox file is corrupt; renamed it and started with an empty inbox", "file", b.file, "renamed_to", aside, "error", err)
		return
	}
	b.records, b.last = s.Notifications, s.Last
	b.trim()
}

// read reads and checks a file.
func read(name string) (stored, error) {
	f, err := os.Open(name)
	if err != nil {
		return stored{}, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return stored{}, err
	}
	if len(data) > maxFile {
		return stored{}, fmt.Errorf("larger than %d bytes", maxFile)
	}
	var s stored
	if err := json.Unmarshal(data, &s); err != nil {
		return stored{}, err
	}
	before := uint64(0)
	for _, r := range s.Notifications {
		if r == nil || r.ID <= before || r.ID > s.Last {
			return stored{}, errors.New("ids are out of order")
		}
		switch before = r.ID; r.Delivery.State {
		case Kept, Delivering, Delivered, Failed:
		default:
			return stored{}, errors.New("a notification has no delivery state")
		}
	}
	return s, nil
}

// save writes the inbox to its file. It returns each error, and logs the first of a row.
func (b *Inbox) save() error {
	if b.file == "" {
		return nil
	}
	b.disk.mu.Lock()
	defer b.disk.mu.Unlock()
	b.mu.Lock()
	data, err := json.Marshal(stored{Last: b.last, Notifications: b.records})
	b.mu.Unlock()
	if err == nil {
		err = replace(b.file, data)
	}
	switch {
	case err != nil && !b.disk.failed:
		b.log.Error("cannot write inbox; continuing in memory", "file", b.file, "error", err)
	case err == nil && b.disk.failed:
		b.log.Info("writing inbox works again", "file", b.file)
	}
	b.disk.failed = err != nil
	return err
}

// replace replaces the content of a file atomically. After a power failure the file has
// either the old or the new content.
func replace(name string, data []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		// The first error is the useful one, so the error of Remove is dropped.
		_ = os.Remove(f.Name())
		return err
	}
	return flushDir(dir)
}

// flushDir writes a directory to disk after a rename. Windows has no such call.
func flushDir(name string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
