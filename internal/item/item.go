// Package item has the rules of items and of their tokens.
//
// A user gets a token from an [Issuer], and uses it to create items and to delete their
// own. Tokens separate clients from each other. They provide no security, because anyone
// can get a token for any user.
//
// The package does not depend on HTTP or SQL.
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
	// ErrNotFound: the user has no item with this id.
	ErrNotFound = errors.New("item not found")
	// ErrUnauthorized: the token was not issued by a server that shares the
	// key, has expired, or is another user's.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrBadUser: the user's id breaks a rule of [CheckUser].
	ErrBadUser = errors.New("bad user id")
)

const (
	// DefaultUser is the user of a request that names none.
	DefaultUser = "guest"
	// MaxUserLength limits a user's id, in bytes.
	MaxUserLength = 128
)

// Item is something that a user has created.
type Item struct {
	// ID is an opaque, unguessable string.
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

// CheckUser returns ErrBadUser unless the id has 1 to [MaxUserLength] bytes of valid UTF-8
// without control characters and without characters that change the direction of text.
func CheckUser(user string) error {
	rejected := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Bidi_Control) }
	if user == "" || len(user) > MaxUserLength || !utf8.ValidString(user) || strings.ContainsFunc(user, rejected) {
		return ErrBadUser
	}
	return nil
}

// Store keeps items, and the key with which all replicas sign tokens. Every method can
// return the context's error and the database errors of package sale.
type Store interface {
	// CreateItem writes an item.
	CreateItem(ctx context.Context, i Item) error
	// DeleteItem deletes the item if it belongs to the user, else it returns
	// ErrNotFound.
	DeleteItem(ctx context.Context, id, user string) error
	// TokenKey returns the key in the database. If there is none, it stores and
	// returns the candidate. Concurrent callers all get the same key.
	TokenKey(ctx context.Context, candidate []byte) ([]byte, error)
}
