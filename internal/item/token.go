package item

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// DefaultTokenLife is the default validity of a token.
	DefaultTokenLife = time.Hour
	// MinKeyLength is the minimum length of a key, in bytes. A shorter key can be
	// guessed from a token.
	MinKeyLength = 16
	// MaxTokenLength is the maximum length of a token, in bytes. All issued tokens
	// are shorter.
	MaxTokenLength = 512
)

// A token is the base64url text, without padding, of
//
//	version (1 byte) | expiry (8 bytes, Unix seconds, big endian) | user id | HMAC-SHA256 of all before (32 bytes)
const (
	tokenVersion = 1
	headLength   = 1 + 8
)

// encoding is strict, so that each token has only one spelling.
var encoding = base64.RawURLEncoding.Strict()

// NewKey returns a fresh random key.
func NewKey() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	return key
}

// Issuer issues and checks tokens without a database. Without a key it issues no tokens
// and rejects all. It is safe for concurrent use.
type Issuer struct {
	key  atomic.Pointer[[]byte]
	life time.Duration
	now  func() time.Time
}

// NewIssuer returns an issuer whose tokens are valid for life, rounded up to the next full
// second of the clock now.
func NewIssuer(life time.Duration, now func() time.Time) *Issuer {
	return &Issuer{life: life, now: now}
}

// SetKey sets the key that signs tokens. Tokens signed with another key become invalid. A
// key shorter than [MinKeyLength] is an error.
func (i *Issuer) SetKey(key []byte) error {
	if len(key) < MinKeyLength {
		return fmt.Errorf("token key must have at least %d bytes, not %d", MinKeyLength, len(key))
	}
	i.key.Store(&key)
	return nil
}

// Ready reports whether the issuer has its key.
func (i *Issuer) Ready() bool { return i.key.Load() != nil }

// Issue returns a token for the user. Errors: ErrBadUser, and ErrUnauthorized
// without a key.
func (i *Issuer) Issue(user string) (string, error) {
	if err := CheckUser(user); err != nil {
		return "", err
	}
	key := i.key.Load()
	if key == nil {
		return "", fmt.Errorf("%w: no key yet", ErrUnauthorized)
	}
	token := make([]byte, 0, headLength+len(user)+sha256.Size)
	token = append(token, tokenVersion)
	token = binary.BigEndian.AppendUint64(token, uint64(wholeSeconds(i.now().Add(i.life)))) //nolint:gosec // G115: after 1970
	token = append(token, user...)
	token = append(token, sign(*key, token)...)
	return encoding.EncodeToString(token), nil
}

// Check returns the user to whom the token was issued, or ErrUnauthorized. If the argument
// user is not empty, it must be the same user.
func (i *Issuer) Check(token, user string) (string, error) {
	key := i.key.Load()
	if key == nil || len(token) > MaxTokenLength {
		return "", ErrUnauthorized
	}
	raw, err := encoding.DecodeString(token)
	spaced := strings.ContainsAny(token, "\r\n") // the decoder would skip them
	if err != nil || spaced || len(raw) <= headLength+sha256.Size {
		return "", ErrUnauthorized
	}
	signed, signature := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if !hmac.Equal(signature, sign(*key, signed)) || signed[0] != tokenVersion {
		return "", ErrUnauthorized
	}
	expiry := time.Unix(int64(binary.BigEndian.Uint64(signed[1:headLength])), 0) //nolint:gosec // G115: signed by an issuer
	owner := string(signed[headLength:])
	if !i.now().Before(expiry) || user != "" && user != owner {
		return "", ErrUnauthorized
	}
	return owner, nil
}

// wholeSeconds returns a time in Unix seconds, rounded up so that a token does not expire
// early.
func wholeSeconds(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

func sign(key, message []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	return mac.Sum(nil)
}
