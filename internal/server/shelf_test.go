package server_test

import (
	"context"
	"slices"
	"sync"

	"onsale/internal/item"
)

// tokenKey is what the rig's tokens are signed with; it must appear nowhere.
const tokenKey = "hunter2 signs the tokens of the test"

// shelf is a store of items in memory. Tests bend it by its hook.
type shelf struct {
	mu      sync.Mutex
	byID    map[string]item.Item
	deletes []string // the ids that DeleteItem was asked for
	// before runs ahead of every call, without the lock; its error is the call's.
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

// TokenKey is not asked for by a server, which is given its keys.
func (*shelf) TokenKey(_ context.Context, candidate []byte) ([]byte, error) { return candidate, nil }

// hook sets what runs ahead of every call.
func (s *shelf) hook(before func(ctx context.Context, call string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// users returns whose items there are, one entry an item, sorted.
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
