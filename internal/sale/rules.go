package sale

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"onsale/internal/field"
)

// Limits of concerts and orders.
const (
	// MaxCapacity is the maximum capacity of a concert: the largest 32-bit integer.
	MaxCapacity = 1<<31 - 1
	// DefaultMaxPerPurchase is the default for the maximum number of tickets of one
	// purchase.
	DefaultMaxPerPurchase = 10
	// MaxTitleLength, MaxDateLength and MaxVenueLength limit texts, in characters.
	MaxTitleLength = 200
	MaxDateLength  = 100
	MaxVenueLength = 200
	// MaxEmailLength is the longest address that mail can be sent to, in bytes
	// (RFC 5321, 4.5.3.1.3, less the angle brackets).
	MaxEmailLength = 254
	// MaxLocalLength limits the part of an address before the @, in bytes (RFC 5321,
	// 4.5.3.1.1).
	MaxLocalLength = 64
	// MaxKeyLength limits an idempotency key, in bytes.
	MaxKeyLength = 255
)

// NewID returns a fresh, unguessable ID for an order. It is a UUIDv7 (RFC 9562), so that
// purchases in order of ID are in order of time.
func NewID() (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("make order id: %w", err)
	}
	return id, nil
}

// Check returns a [*field.Error] for the first rule that the order breaks; a
// purchase may take at most maxQuantity tickets.
func (o Order) Check(maxQuantity int) error {
	if err := checkEmail(o.Email); err != nil {
		return err
	}
	if o.Quantity < 1 || o.Quantity > maxQuantity {
		return field.Errorf("quantity", "must be between 1 and %d", maxQuantity)
	}
	return checkKey(o.Key)
}

// Check returns a [*field.Error] for the first rule that the concert breaks.
func (c NewConcert) Check() error {
	for _, text := range []struct {
		field, value string
		limit        int
	}{
		{"title", c.Title, MaxTitleLength},
		{"date", c.Date, MaxDateLength},
		{"venue", c.Venue, MaxVenueLength},
	} {
		if n := utf8.RuneCountInString(text.value); n < 1 || n > text.limit {
			return field.Errorf(text.field, "must have 1 to %d characters", text.limit)
		}
		if !printable(text.value) {
			return field.Errorf(text.field, "must not contain control characters or characters that change the direction of text")
		}
	}
	if c.Capacity < 1 || c.Capacity > MaxCapacity {
		return field.Errorf("number_of_tickets", "must be between 1 and %d", MaxCapacity)
	}
	return nil
}

// checkEmail accepts a bare address as in RFC 5322, without a display name, and with
// letters of any script (RFC 6531).
func checkEmail(email string) error {
	if len(email) > MaxEmailLength {
		return field.Errorf("user_email", "must be at most %d bytes long", MaxEmailLength)
	}
	address, err := mail.ParseAddress(email)
	// U+FFFD replaces a character that another program could not read; browsers send it
	// for half of a surrogate pair.
	garbled := strings.ContainsFunc(email, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar })
	if err != nil || address.Address != email || !utf8.ValidString(email) || garbled {
		return field.Errorf("user_email", "must be an e-mail address")
	}
	if hasUnseen(email) {
		return field.Errorf("user_email", "must not contain blank, invisible or unassigned characters")
	}
	if strings.LastIndexByte(email, '@') > MaxLocalLength {
		return field.Errorf("user_email", "must have at most %d bytes before the @", MaxLocalLength)
	}
	return nil
}

// hasUnseen reports whether an address has an invisible or unassigned character. Two
// addresses that differ only in such a character look the same.
//
// These are the characters of the Unicode categories Other (control, format, private use,
// unassigned) and Separator, and those with the property Default_Ignorable_Code_Point.
// A variation selector after a symbol is allowed, because it selects how an emoji looks.
func hasUnseen(email string) bool {
	var before rune
	for _, r := range email {
		if unicode.In(r, unicode.Other, unicode.Cn, unicode.Z, unicode.Other_Default_Ignorable_Code_Point) ||
			unicode.Is(unicode.Variation_Selector, r) && !unicode.Is(unicode.So, before) {
			return true
		}
		before = r
	}
	return false
}

// checkKey accepts an empty key, or a key of visible ASCII characters.
func checkKey(key string) error {
	visible := func(r rune) bool { return r > ' ' && r < unicode.MaxASCII }
	if len(key) > MaxKeyLength || strings.ContainsFunc(key, func(r rune) bool { return !visible(r) }) {
		return field.Errorf("Idempotency-Key", "must be 1 to %d visible ASCII characters", MaxKeyLength)
	}
	return nil
}

// printable reports whether the text is valid UTF-8 without control characters and
// without characters that change the direction of text. Other invisible characters are
// allowed, because emoji need joiners.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.Cc, unicode.Bidi_Control)
	})
}
