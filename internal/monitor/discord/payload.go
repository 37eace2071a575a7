package discord

import "time"

// Discord's limits. Discord counts code points. Onsale counts UTF-16 code units, which
// are never fewer, so a message within these limits is within Discord's too. [Message]
// never reaches the limits of content (2000) and of a description (4096).
const (
	maxTitle      = 256
	maxFields     = 25
	maxFieldName  = 256
	maxFieldValue = 1024
	// maxEmbedded is the limit for the titles, descriptions, fields and footers of all
	// embeds of a message together.
	maxEmbedded = 6000
)

// Payload is the body of Discord's call "Execute Webhook".
type Payload struct {
	Username        string          `json:"username"`
	Content         string          `json:"content,omitempty"`
	Embeds          []Embed         `json:"embeds"`
	AllowedMentions AllowedMentions `json:"allowed_mentions"`
}

// Embed is a framed part of a message, with a coloured bar.
type Embed struct {
	Title       string    `json:"title"`
	Description string    `json:"description,omitempty"`
	Color       int       `json:"color"`
	Fields      []Field   `json:"fields"`
	Footer      *Footer   `json:"footer,omitempty"`
	Timestamp   time.Time `json:"timestamp"`
}

// Field is a titled paragraph of an embed.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Footer is the small print of an embed. Discord shows it without markdown.
type Footer struct {
	Text string `json:"text"`
}

// AllowedMentions lists who the text of a message may mention. Parse is always sent,
// because without it Discord allows every mention.
type AllowedMentions struct {
	Parse []string `json:"parse"`
	Users []string `json:"users,omitempty"`
	Roles []string `json:"roles,omitempty"`
}
