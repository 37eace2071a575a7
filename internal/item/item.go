// Package item holds the rules of items and of the tokens that guard them.
//
// A user gets a [Token] from an [Issuer] and creates and deletes items with it,
// their own alone. Tokens separate clients from each other; they are no
// security, since anybody gets one for any user.
//
// The package knows no HTTP and no SQL.
package item

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Errors of this package and of a [Store].
var (
	// ErrNotFound: the user has no such item.
	ErrNotFound = errors.New("item not found")
	// ErrUnauthorized: the token was not issued by a server that shares the
	// key, has expired, or is another user's.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrBadUser: the user's id is too long or has characters that no id has.
	ErrBadUser = errors.New("bad user id")
)

const (
	// DefaultUser is who asks without saying so.
	DefaultUser = "guest"
	// MaxUserLength limits a user's id, in bytes.
	MaxUserLength = 128
)

// Item is something that a user has created.
type Item struct {
	// ID is an opaque, unguessable name.
	ID        string
	UserID    string
	CreatedAt time.Time
}

// New returns an item of the user with a fresh id.
func New(user string, now time.Time) (Item, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Item{}, err
	}
	return Item{ID: id.String(), UserID: user, CreatedAt: now.UTC().Truncate(time.Microsecond)}, nil
}

// CheckUser returns ErrBadUser unless the id has 1 to [MaxUserLength] bytes of
// valid UTF-8 without control characters and without characters that turn the direction
// of text.
func CheckUser(user string) error {
	refused := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Bidi_Control) }
	if user == "" || len(user) > MaxUserLength || !utf8.ValidString(user) || strings.ContainsFunc(user, refused) {
		return ErrBadUser
	}
	return nil
}

// Store keeps items, and the key that all replicas sign tokens with. Every
// method may return the errors of a database that package sale names, and the
// context's.
type Store interface {
	// CreateItem writes an item.
	CreateItem(ctx context.Context, i Item) error
	// DeleteItem removes the item of that id if it is the user's, else it
	// returns ErrNotFound.
	DeleteItem(ctx context.Context, id, user string) error
	// TokenKey returns the key that is kept in the database. Where there is
	// none, the candidate is kept and returned; of several candidates at once,
	// one wins for all.
	TokenKey(ctx context.Context, candidate []byte) ([]byte, error)
}
