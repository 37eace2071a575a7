package stress_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/stress"
	"onsale/internal/stress/wire"
)

// nobody is a connection to an address on which nothing listens.
type nobody struct{ kind wire.Kind }

func (n nobody) Do(context.Context, *wire.Request) (*wire.Response, error) {
	return nil, &wire.Error{Kind: n.kind, Err: errors.New("not there")}
}
func (nobody) Release()         {}
func (nobody) Close()           {}
func (nobody) Protocol() string { return "" }

// TestRefusedConnectionsAreRetriedOnceASecond: users without a wait try to connect only once a second.
func TestRefusedConnectionsAreRetriedOnceASecond(t *testing.T) {
	t.Parallel()
	for kind, want := range map[wire.Kind]int64{
		wire.Refused: 10, wire.Resolve: 10, wire.Unreachable: 10, wire.ConnectTimeout: 10, wire.Handshake: 10, wire.Tester: 10,
	} {
		synctest.Test(t, func(t *testing.T) {
			hopeful := once(func(ctx context.Context, u *stress.User) { u.Do(ctx, &stress.Call{}) })
			hopeful.Wait = nil
			o := options(users(1), 9900*time.Millisecond, takes(0), hopeful)
			o.Connect = func() wire.Doer { return nobody{kind} }
			s, _ := play(t, o)
			if s.Total.Requests != want || s.Total.Failures != want {
				t.Errorf("%s: %d requests, %d failures, want %d", kind, s.Total.Requests, s.Total.Failures, want)
			}
		})
	}
}
