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

// maxFile bounds the file that is read, in bytes. 200 of the longest messages
// take a quarter of it.
const maxFile = 16 << 20

// disk orders the writes of an inbox's file.
type disk struct {
	mu sync.Mutex
	// failed is whether the last write did; it is logged when that changes.
	failed bool
}

// stored is the form of the file.
type stored struct {
	Last          uint64    `json:"last"`
	Notifications []*record `json:"notifications"`
}

// load continues what the file holds.
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
		b.log.Error("inbox file makes no sense, it is set aside and the inbox begins empty", "file", b.file, "aside", aside, "error", err)
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
			return stored{}, errors.New("a notification has no state of delivery")
		}
	}
	return s, nil
}

// save writes the inbox as it is now. An error is logged when the first write fails,
// and returned each time.
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
		b.log.Error("inbox cannot be written, it goes on in memory", "file", b.file, "error", err)
	case err == nil && b.disk.failed:
		b.log.Info("inbox is written again", "file", b.file)
	}
	b.disk.failed = err != nil
	return err
}

// replace puts data in the place of a file, which is the old one or the new
// one at any time, also after the power failed.
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
		// The error that is worth telling is why the file is not there.
		_ = os.Remove(f.Name())
		return err
	}
	return flushDir(dir)
}

// flushDir puts a renamed file's name onto disk. Windows has no such call.
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
