package discord

import "time"

// Discord's limits. Discord counts code points; here UTF-16 code units are
// counted, of which a text never has fewer, so that a message that fits here
// fits there whichever way it is counted. The limits of content (2000) and of
// a description (4096) are out of reach of what [Message] puts there.
const (
	maxTitle      = 256
	maxFields     = 25
	maxFieldName  = 256
	maxFieldValue = 1024
	// maxEmbedded is for titles, descriptions, fields and footers of all embeds
	// of a message together.
	maxEmbedded = 6000
)

// Payload is what Discord gets: the body of "Execute Webhook".
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

// Footer is the small print of an embed. Discord shows it as it is, without markdown.
type Footer struct {
	Text string `json:"text"`
}

// AllowedMentions says who may be mentioned by the text of a message. Parse is
// always sent, because Discord takes everything for allowed where it is missing.
type AllowedMentions struct {
	Parse []string `json:"parse"`
	Users []string `json:"users,omitempty"`
	Roles []string `json:"roles,omitempty"`
}
