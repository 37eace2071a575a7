package alerting

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// keeping saves the silences to disk after each call that may have changed them. The
// library saves them once a minute, so a crash could lose a new silence.
func (m *Manager) keeping(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if r.Method != http.MethodPost && r.Method != http.MethodDelete || !strings.Contains(r.URL.Path, "/silence") {
			return
		}
		if err := m.saveSilences(); err != nil {
			m.log.ErrorContext(r.Context(), "cannot save silences", "error", err)
		}
	})
}

// saveSilences writes all silences to their file. It is the only writer and holds a
// lock, so that an older snapshot never replaces a newer one.
func (m *Manager) saveSilences() (err error) {
	m.saving.Lock()
	defer m.saving.Unlock()
	file, err := os.CreateTemp(m.dir, filepath.Base(m.silenceFile())+".*")
	if err != nil {
		return fmt.Errorf("create snapshot: %w", err)
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
