package server_test

import (
	"context"
	"slices"
	"sync"

	"onsale/internal/item"
)

// tokenKey signs the rig's tokens. It must not appear in any answer, metric or log.
const tokenKey = "hunter2 signs the tokens of the test"

// shelf is a store of items in memory. Tests change its behaviour with a hook.
type shelf struct {
	mu      sync.Mutex
	byID    map[string]item.Item
	deletes []string // the ids passed to DeleteItem
	// before runs before every call, without the lock. The call returns its error.
	before func(ctx context.Context, call string) error
}

var _ item.Store = (*shelf)(nil)

func newShelf() *shelf { return &shelf{byID: map[string]item.Item{}} }

func (s *shelf) enter(ctx context.Context, call string) error {
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before != nil {
		if err := before(ctx, call); err != nil {
			return err
		}
	}
	s.mu.Lock()
	return nil
}

func (s *shelf) CreateItem(ctx context.Context, i item.Item) error {
	if err := s.enter(ctx, "CreateItem"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.byID[i.ID] = i
	return nil
}

func (s *shelf) DeleteItem(ctx context.Context, id, user string) error {
	if err := s.enter(ctx, "DeleteItem"); err != nil {
		return err
	}
	defer s.mu.Unlock()
	s.deletes = append(s.deletes, id)
	if i, ok := s.byID[id]; !ok || i.UserID != user {
		return item.ErrNotFound
	}
	delete(s.byID, id)
	return nil
}

// TokenKey is not called by a server, which gets its keys from the issuer.
func (*shelf) TokenKey(_ context.Context, candidate []byte) ([]byte, error) { return candidate, nil }

// hook sets the function that runs before every call.
func (s *shelf) hook(before func(ctx context.Context, call string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// users returns the sorted users of all items, one entry per item.
func (s *shelf) users() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, i := range s.byID {
		all = append(all, i.UserID)
	}
	slices.Sort(all)
	return all
}
