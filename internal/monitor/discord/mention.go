package discord

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxMentions limits the mentions in a message. More would be a mistake.
const maxMentions = 10

// Mention is what critical messages mention. The zero value mentions nobody.
type Mention struct {
	text    string
	allowed AllowedMentions
}

// Discord's syntax for mentioning a user and a role.
var (
	userMention = regexp.MustCompile(`^<@!?([0-9]{1,20})>$`)
	roleMention = regexp.MustCompile(`^<@&([0-9]{1,20})>$`)
)

// ParseMention parses DISCORD_MENTION: @here, @everyone, <@USER> or <@&ROLE> with
// Discord's numeric IDs, or several of them separated by spaces. An empty string
// mentions nobody.
func ParseMention(s string) (Mention, error) {
	names := strings.Fields(s)
	if len(names) > maxMentions {
		return Mention{}, fmt.Errorf("DISCORD_MENTION must have at most %d mentions", maxMentions)
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
			return Mention{}, fmt.Errorf("DISCORD_MENTION must be @here, @everyone, <@USER> or <@&ROLE> with numeric IDs, or several of them separated by spaces; number %d is none of these", i+1)
		}
	}
	m.text = strings.Join(names, " ")
	return m, nil
}

// once adds a name to a list unless the list has it. Discord rejects a message whose
// allowed_mentions has duplicates.
func once(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// nobody returns an AllowedMentions that allows no mention.
func nobody() AllowedMentions { return AllowedMentions{Parse: []string{}} }

// mentions returns the AllowedMentions that let Discord act on the mention's text.
func (m Mention) mentions() AllowedMentions {
	allowed := m.allowed
	if allowed.Parse == nil {
		allowed.Parse = []string{}
	}
	return allowed
}
