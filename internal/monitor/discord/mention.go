package discord

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxMentions bounds how many a message mentions; more is a mistake.
const maxMentions = 10

// Mention is whom critical messages mention. The zero value mentions nobody.
type Mention struct {
	text    string
	allowed AllowedMentions
}

// What Discord writes for a person and for a group of people.
var (
	userMention = regexp.MustCompile(`^<@!?([0-9]{1,20})>$`)
	roleMention = regexp.MustCompile(`^<@&([0-9]{1,20})>$`)
)

// ParseMention reads what DISCORD_MENTION may be: @here, @everyone, <@USER> or
// <@&ROLE> with Discord's numeric ids, or several with blanks between. Empty
// mentions nobody.
func ParseMention(s string) (Mention, error) {
	names := strings.Fields(s)
	if len(names) > maxMentions {
		return Mention{}, fmt.Errorf("DISCORD_MENTION must not name more than %d", maxMentions)
	}
	var m Mention
	for i, name := range names {
		switch {
		case name == "@here" || name == "@everyone":
			m.allowed.Parse = once(m.allowed.Parse, "everyone")
		case userMention.MatchString(name):
			m.allowed.Users = once(m.allowed.Users, userMention.FindStringSubmatch(name)[1])
		case roleMention.MatchString(name):
			m.allowed.Roles = once(m.allowed.Roles, roleMention.FindStringSubmatch(name)[1])
		default:
			return Mention{}, fmt.Errorf("DISCORD_MENTION must be @here, @everyone, <@USER> or <@&ROLE> with numeric ids, or several with blanks between; number %d is none", i+1)
		}
	}
	m.text = strings.Join(names, " ")
	return m, nil
}

// once adds a name that is not there yet: Discord refuses a message that
// allows the same one twice.
func once(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// nobody allows no mention at all.
func nobody() AllowedMentions { return AllowedMentions{Parse: []string{}} }

// mentions returns what to allow for the mention's text to have effect.
func (m Mention) mentions() AllowedMentions {
	allowed := m.allowed
	if allowed.Parse == nil {
		allowed.Parse = []string{}
	}
	return allowed
}
