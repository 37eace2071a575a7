package lock_test

import (
	"errors"
	"path/filepath"
	"testing"

	"onsale/internal/lock"
)

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "made", "lock")
	first, err := lock.Share(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := lock.Share(path)
	if err != nil {
		t.Fatalf("a shared lock was not shared: %v", err)
	}
	release(t, first)
	if _, err := lock.Own(path); !errors.Is(err, lock.ErrTaken) {
		t.Fatalf("own a shared lock: %v, want ErrTaken", err)
	}
	release(t, second)
	owned, err := lock.Own(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Share(path); !errors.Is(err, lock.ErrTaken) {
		t.Errorf("share an owned lock: %v, want ErrTaken", err)
	}
	if _, err := lock.Own(path); !errors.Is(err, lock.ErrTaken) {
		t.Errorf("own an owned lock: %v, want ErrTaken", err)
	}
	release(t, owned)
	again, err := lock.Own(path)
	if err != nil {
		t.Fatal(err)
	}
	release(t, again)
}

func release(t *testing.T, l *lock.Lock) {
	t.Helper()
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}
