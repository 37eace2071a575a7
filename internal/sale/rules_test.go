package sale_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"onsale/internal/field"
	"onsale/internal/sale"
)

// checkEmail returns the error of an order with the address, or "".
func checkEmail(email string) string {
	err := sale.Order{Email: email, Quantity: 1}.Check(10)
	if broken, ok := errors.AsType[*field.Error](err); ok {
		return broken.Error()
	}
	return ""
}

func TestValidAddresses(t *testing.T) {
	t.Parallel()
	for _, email := range []string{
		"a@b.cd", "ada+tickets@example.com", "o'hara@example.ie", "first.last@sub.example.co.uk", "x_y-z@example.com", "a@localhost",
		"a@xn--bcher-kva.example", "zoë@example.com", "用户@例子.广告", "अजय@डाटा.भारत", "квіточка@пошта.укр", "χρήστης@παράδειγμα.ελ",
		"משתמש@דוגמה.קום", "مستخدم@مثال.إختبار", "Dörte@Sörensen.example.com", "ㄱㄴ@한국.kr", "e\u0301@example.com", "🎫@example.com", "❤️@example.com",
		strings.Repeat("a", 64) + "@example.com", "é" + strings.Repeat("a", 62) + "@b.cd",
	} {
		if rule := checkEmail(email); rule != "" {
			t.Errorf("%+q is rejected: %s", email, rule)
		}
	}
}

func TestInvalidAddresses(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]string{
		"a":                               "e-mail address",
		"Ada <a@b.cd>":                    "e-mail address",
		"a@b.cd ":                         "e-mail address",
		"a\xff@b.cd":                      "e-mail address",
		"\ufffd@b.cd":                     "e-mail address",
		strings.Repeat("a", 65) + "@b.cd": "at most 64 bytes before the @",
		"❤\ufe0f\ufe0f@b.cd":              "invisible",
		"a@b\ufe0f.cd":                    "invisible",
		strings.Repeat("é", 33) + "@b.cd": "at most 64 bytes before the @",
		"a@" + strings.Repeat("b", 253):   "at most 254 bytes",
	} {
		if rule := checkEmail(email); !strings.Contains(rule, want) {
			t.Errorf("%.80q: %q, want an error with %q", email, rule, want)
		}
	}
}

// TestInvisibleCharactersInAddresses puts invisible and unassigned characters into each
// part of an address.
func TestInvisibleCharactersInAddresses(t *testing.T) {
	t.Parallel()
	unseen := []rune{'\u200b', '\u202e', '\ufeff', '\u00ad', '\u2060', '\u200d', '\u200f', '\u00a0', '\u3000', '\u2028', '\ue000', '\U000f0000', '\U000e0041', '\u3164', '\u034f', '\ufe0f', '\ufe00', '\u180b', '\U000e0100'}
	for _, table := range []*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Co, unicode.Zs, unicode.Zl, unicode.Zp} {
		for _, r := range table.R16 {
			unseen = append(unseen, rune(r.Lo), rune(r.Hi))
		}
		for _, r := range table.R32 {
			unseen = append(unseen, rune(r.Lo), rune(r.Hi))
		}
	}
	for _, r := range append(unseen, '\u0378', '\ufffe', '\U0010ffff') { // the last three are unassigned
		for _, email := range []string{"a" + string(r) + "b@c.de", string(r) + "a@b.cd", "a@b" + string(r) + "c.de", "a@b.cd" + string(r)} {
			if checkEmail(email) == "" {
				t.Errorf("%+q is accepted", email)
			}
		}
	}
}

// TestDirectionOfTexts: characters that change the direction of text are rejected in each
// text of a concert; characters that emoji and scripts need are accepted.
func TestDirectionOfTexts(t *testing.T) {
	t.Parallel()
	check := func(text string) (rules []string) {
		for _, c := range []sale.NewConcert{
			{Title: text, Date: "D", Venue: "V", Capacity: 1}, {Title: "T", Date: text, Venue: "V", Capacity: 1}, {Title: "T", Date: "D", Venue: text, Capacity: 1},
		} {
			if broken, ok := errors.AsType[*field.Error](c.Check()); ok {
				rules = append(rules, broken.Field)
			}
		}
		return rules
	}
	for _, r := range []rune{0x061c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069, 0, '\n', 0x7f, 0x85} {
		if rules := check("a" + string(r) + "b"); strings.Join(rules, " ") != "title date venue" {
			t.Errorf("%U is rejected only in %v", r, rules)
		}
	}
	for _, text := range []string{
		"👩‍🎤 in concert", "❤️ 🏳️‍🌈", "می\u200cخواهم", "क्\u200dष", "עברית and English", "a\u00adb", "\ufeff", "İstanbul", "🎫", "日本\u3000武道館", "\ufffd",
	} {
		if rules := check(text); len(rules) > 0 {
			t.Errorf("%+q is rejected in %v", text, rules)
		}
	}
}
