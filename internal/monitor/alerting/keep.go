package alerting

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// keeping writes the silences down after each call that may have changed them,
// so that not even a crash unmutes what somebody has muted. The library does so
// once in a while only.
func (m *Manager) keeping(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if r.Method != http.MethodPost && r.Method != http.MethodDelete || !strings.Contains(r.URL.Path, "/silence") {
			return
		}
		if err := m.saveSilences(); err != nil {
			m.log.ErrorContext(r.Context(), "cannot write silences down", "error", err)
		}
	})
}

// saveSilences is the only one who writes the file, one at a time, so that no
// older snapshot takes the place of a newer one.
func (m *Manager) saveSilences() (err error) {
	m.saving.Lock()
	defer m.saving.Unlock()
	file, err := os.CreateTemp(m.dir, filepath.Base(m.silenceFile())+".*")
	if err != nil {
		return fmt.Errorf("make snapshot: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	if _, err := m.engine.silences.Snapshot(file); err != nil {
		return errors.Join(fmt.Errorf("write snapshot: %w", err), file.Close())
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("flush snapshot: %w", err)
	}
	return os.Rename(file.Name(), m.silenceFile())
}
