package fault_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"onsale/internal/fault"
)

// errStoreAway is the error of a memoryStore while it is unavailable.
var errStoreAway = errors.New("store is unavailable")

// memoryStore is a Store shared by several replicas. Its clock is skew ahead of the
// replicas' clocks, so only ages are comparable.
type memoryStore struct {
	skew time.Duration
	// loaded is called by LoadPlan after reading, before it returns.
	loaded func()

	mu       sync.Mutex
	away     bool
	state    fault.State
	setAt    time.Time
	versions map[string]int64
	beats    map[string][]time.Time
}

var _ fault.Store = (*memoryStore)(nil)

func (s *memoryStore) now() time.Time { return time.Now().Add(s.skew) }

func (s *memoryStore) LoadPlan(ctx context.Context) (fault.State, error) {
	state, err := s.load(ctx)
	if s.loaded != nil {
		s.loaded()
	}
	return state, err
}

func (s *memoryStore) load(ctx context.Context) (fault.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure(ctx); err != nil {
		return fault.State{}, err
	}
	state := s.state
	if state.Version > 0 {
		state.Age = s.now().Sub(s.setAt)
	}
	return state, nil
}

func (s *memoryStore) SavePlan(ctx context.Context, p fault.Plan) (fault.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure(ctx); err != nil {
		return fault.State{}, err
	}
	s.state = fault.State{Version: s.state.Version + 1, Plan: p}
	s.setAt = s.now()
	return s.state, nil
}

func (s *memoryStore) SwapPlan(ctx context.Context, next fault.State) (fault.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure(ctx); err != nil {
		return fault.State{}, err
	}
	if s.state.Version != next.Version-1 {
		return fault.State{}, fault.ErrChanged
	}
	if s.state.Version == 0 {
		s.setAt = s.now()
	}
	s.state = next
	s.state.Age = s.now().Sub(s.setAt)
	return s.state, nil
}

func (s *memoryStore) Heartbeat(ctx context.Context, replica string, version int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure(ctx); err != nil {
		return err
	}
	if s.beats == nil {
		s.beats, s.versions = make(map[string][]time.Time), make(map[string]int64)
	}
	s.beats[replica] = append(s.beats[replica], s.now())
	s.versions[replica] = version
	return nil
}

func (s *memoryStore) Replicas(ctx context.Context) ([]fault.Replica, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failure(ctx); err != nil {
		return nil, err
	}
	var replicas []fault.Replica
	for id, beats := range s.beats {
		if ago := s.now().Sub(beats[len(beats)-1]); ago <= 15*time.Second {
			replicas = append(replicas, fault.Replica{ID: id, Version: s.versions[id], SeenAgo: ago})
		}
	}
	slices.SortFunc(replicas, func(a, b fault.Replica) int { return len(a.ID) - len(b.ID) })
	return replicas, nil
}

// failure returns the error of an unavailable store. The caller holds the lock.
func (s *memoryStore) failure(ctx context.Context) error {
	if s.away {
		return errStoreAway
	}
	return ctx.Err()
}

// setAway makes the store unavailable or available.
func (s *memoryStore) setAway(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// beatsOf returns the times of the replica's heartbeats.
func (s *memoryStore) beatsOf(replica string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.beats[replica])
}
