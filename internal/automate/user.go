package automate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"onsale/internal/client"
)

// user is one of the users whose items are created.
type user struct {
	name string
	// lock is a mutex for token, held while a goroutine reads or renews it. It is a
	// channel so that a context can end the wait for it.
	lock  chan struct{}
	token string
}

func newUser(name string) *user { return &user{name: name, lock: make(chan struct{}, 1)} }

// forget drops a rejected token, unless there is a newer one.
func (u *user) forget(ctx context.Context, token string) {
	select {
	case u.lock <- struct{}{}:
		if u.token == token {
			u.token = ""
		}
		<-u.lock
	case <-ctx.Done():
	}
}

// token returns the user's token, and requests one if there is none. turn means that the
// caller has already waited for the rate limiter. It is set to false if that turn was used
// for the request, or if token had to wait for another goroutine.
func (a *Automation) token(work, calls context.Context, u *user, turn *bool) (string, error) {
	select {
	case u.lock <- struct{}{}:
	default:
		*turn = false
		select {
		case u.lock <- struct{}{}:
		case <-work.Done():
			return "", errStopped
		}
	}
	defer func() { <-u.lock }()
	if u.token != "" {
		return u.token, nil
	}
	mine := *turn
	*turn = false
	err := a.operate(work, calls, operation{
		action: getToken, user: u, method: http.MethodPost, path: client.TokenPath, turn: mine,
		do: func(ctx context.Context, _ string) (err error) {
			u.token, err = a.api.Token(ctx, u.name)
			return err
		},
	})
	return u.token, err
}

// bodyWords limits the number of words in an item's description. Bodies have about 40 to
// 300 bytes, so that the metric of the average size varies.
const bodyWords = 40

// newBody returns a random body for a request that creates an item.
func newBody(random *rand.Rand) []byte {
	return fmt.Appendf(nil, `{"name":"item %08x","description":"%s"}`,
		random.Uint32(), strings.TrimSpace(strings.Repeat("ticket ", random.IntN(bodyWords))))
}
