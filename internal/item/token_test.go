package item_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"onsale/internal/item"
)

// clock is a clock that the test sets.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

func newIssuer(tb testing.TB, key string) (*item.Issuer, *clock) {
	tb.Helper()
	c := &clock{time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	issuer := item.NewIssuer(time.Hour, c.read)
	if err := issuer.SetKey([]byte(key)); err != nil {
		tb.Fatal(err)
	}
	return issuer, c
}

const (
	key      = "a key of the tests"
	otherKey = "another key of the tests"
)

func issue(tb testing.TB, issuer *item.Issuer, user string) string {
	tb.Helper()
	token, err := issuer.Issue(user)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

func TestTokenBelongsToItsUser(t *testing.T) {
	t.Parallel()
	issuer, _ := newIssuer(t, key)
	for _, user := range []string{"guest", "a", "Zoë", strings.Repeat("x", item.MaxUserLength)} {
		token := issue(t, issuer, user)
		for _, named := range []string{"", user} {
			if got, err := issuer.Check(token, named); err != nil || got != user {
				t.Errorf("token of %q, request of %q: %q, %v", user, named, got, err)
			}
		}
		if len(token) > item.MaxTokenLength {
			t.Errorf("token of %q has %d bytes", user, len(token))
		}
	}
}

func TestInvalidTokens(t *testing.T) {
	t.Parallel()
	issuer, now := newIssuer(t, key)
	other, _ := newIssuer(t, otherKey)
	token := issue(t, issuer, "ada")
	expired := issue(t, issuer, "ada")
	for name, c := range map[string]struct {
		token, user string
		later       time.Duration
	}{
		"another user's":     {token: token, user: "bob"},
		"another server's":   {token: issue(t, other, "ada")},
		"expired":            {token: expired, later: time.Hour},
		"empty":              {},
		"not base64":         {token: "not a token!"},
		"too short":          {token: base64.RawURLEncoding.EncodeToString(make([]byte, 41))},
		"padded":             {token: token + "="},
		"with a newline":     {token: token + "\n"},
		"much too long":      {token: strings.Repeat("A", 64<<10)},
		"cut":                {token: token[:len(token)-1]},
		"user in other case": {token: token, user: "Ada"},
	} {
		later := &clock{now.now.Add(c.later)}
		checker := item.NewIssuer(time.Hour, later.read)
		if err := checker.SetKey([]byte(key)); err != nil {
			t.Fatal(err)
		}
		if user, err := checker.Check(c.token, c.user); !errors.Is(err, item.ErrUnauthorized) {
			t.Errorf("%s: %q, %v", name, user, err)
		}
	}
}

func TestEveryFlippedBitIsDetected(t *testing.T) {
	t.Parallel()
	issuer, _ := newIssuer(t, key)
	raw, err := base64.RawURLEncoding.DecodeString(issue(t, issuer, "ada"))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(raw) {
		raw[bit/8] ^= 1 << (bit % 8)
		if user, err := issuer.Check(base64.RawURLEncoding.EncodeToString(raw), ""); !errors.Is(err, item.ErrUnauthorized) {
			t.Errorf("bit %d flipped: %q, %v", bit, user, err)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
}

func TestTokenIsValidForExactlyAnHour(t *testing.T) {
	t.Parallel()
	issuer, now := newIssuer(t, key)
	token := issue(t, issuer, "ada")
	now.now = now.now.Add(time.Hour - time.Second)
	if _, err := issuer.Check(token, ""); err != nil {
		t.Errorf("a second before its end: %v", err)
	}
	now.now = now.now.Add(time.Second)
	if _, err := issuer.Check(token, ""); err == nil {
		t.Error("still valid after an hour")
	}
}

// TestTokenIsValidForItsWholeLife issues tokens at different moments within a second.
func TestTokenIsValidForItsWholeLife(t *testing.T) {
	t.Parallel()
	for _, life := range []time.Duration{time.Second, 1500 * time.Millisecond, time.Hour} {
		for _, fraction := range []time.Duration{0, 1, 100 * time.Millisecond, 999_999_999} {
			c := &clock{time.Date(2027, 1, 1, 0, 0, 0, int(fraction), time.UTC)}
			issuer := item.NewIssuer(life, c.read)
			if err := issuer.SetKey([]byte(key)); err != nil {
				t.Fatal(err)
			}
			token := issue(t, issuer, "ada")
			c.now = c.now.Add(life - 1)
			if _, err := issuer.Check(token, ""); err != nil {
				t.Errorf("life %s, issued %s after the second: rejected before its end: %v", life, fraction, err)
			}
			c.now = c.now.Add(time.Second + 1)
			if _, err := issuer.Check(token, ""); err == nil {
				t.Errorf("life %s, issued %s after the second: valid a second after its end", life, fraction)
			}
		}
	}
}

// TestTokenOfAnEarlierVersion accepts a token from a version that rounded the end of life
// down to a whole second.
func TestTokenOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	expiry := time.Date(2027, 1, 1, 0, 0, 30, 0, time.UTC)
	token := append(binary.BigEndian.AppendUint64([]byte{1}, uint64(expiry.Unix())), "ada"...)
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(token)
	token = mac.Sum(token)
	issuer, _ := newIssuer(t, key)
	if user, err := issuer.Check(base64.RawURLEncoding.EncodeToString(token), ""); err != nil || user != "ada" {
		t.Errorf("%q, %v, want ada", user, err)
	}
}

func TestReplicasShareTheKey(t *testing.T) {
	t.Parallel()
	first, _ := newIssuer(t, key)
	second, _ := newIssuer(t, key)
	if user, err := second.Check(issue(t, first, "ada"), ""); err != nil || user != "ada" {
		t.Errorf("%q, %v", user, err)
	}
}

func TestIssuerWithoutAKeyTrustsNobody(t *testing.T) {
	t.Parallel()
	issuer, _ := newIssuer(t, key)
	token := issue(t, issuer, "ada")
	keyless := item.NewIssuer(time.Hour, time.Now)
	if keyless.Ready() {
		t.Error("ready without a key")
	}
	if _, err := keyless.Check(token, ""); !errors.Is(err, item.ErrUnauthorized) {
		t.Errorf("check: %v", err)
	}
	if _, err := keyless.Issue("ada"); !errors.Is(err, item.ErrUnauthorized) {
		t.Errorf("issue: %v", err)
	}
	if err := keyless.SetKey([]byte("short")); err == nil {
		t.Error("a short key was accepted")
	}
}

func TestInvalidUsers(t *testing.T) {
	t.Parallel()
	issuer, _ := newIssuer(t, key)
	for _, user := range []string{"", strings.Repeat("x", item.MaxUserLength+1), "a\x00b", "a\nb", "\xff"} {
		if _, err := issuer.Issue(user); !errors.Is(err, item.ErrBadUser) {
			t.Errorf("%q: %v", user, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	issuer, _ := newIssuer(f, key)
	valid := issue(f, issuer, "ada")
	f.Add(valid, "ada")
	f.Add(valid[1:], "")
	f.Fuzz(func(t *testing.T, token, user string) {
		got, err := issuer.Check(token, user)
		if err == nil && (token != valid || got != "ada") {
			t.Errorf("token %q is accepted for %q", token, got)
		}
	})
}
