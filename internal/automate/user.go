package automate

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"

	"onsale/internal/client"
)

// user is one of the users that items are created for.
type user struct {
	name string
	// lock holds a token while somebody looks at the user's token or gets one,
	// so that only one does, and whoever waits can be stopped.
	lock  chan struct{}
	token string
}

func newUser(name string) *user { return &user{name: name, lock: make(chan struct{}, 1)} }

// forget drops a token that was refused, unless there is a newer one.
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

// token returns the user's token, and gets one if there is none. A turn that
// the caller has waited for is still the caller's unless it was used for that,
// or has gone by meanwhile.
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

// bodyWords is the most words that an item is described with: a request is
// some 40 to 300 bytes long, so that the average size has something to show.
const bodyWords = 40

// newBody dices what is sent to create an item.
func newBody(dice *rand.Rand) []byte {
	return fmt.Appendf(nil, `{"name":"item %08x","description":"%s"}`,
		dice.Uint32(), strings.TrimSpace(strings.Repeat("ticket ", dice.IntN(bodyWords))))
}
