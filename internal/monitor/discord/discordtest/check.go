package discordtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// Body is a Discord message, with the fields that Onsale uses.
type Body struct {
	Username string `json:"username"`
	Content  string `json:"content"`
	Embeds   []struct {
		Title       string `json:"title"`
		Description string `json:"description"`
		Color       int    `json:"color"`
		Timestamp   string `json:"timestamp"`
		Fields      []struct {
			Name   string `json:"name"`
			Value  string `json:"value"`
			Inline bool   `json:"inline"`
		} `json:"fields"`
		Footer *struct {
			Text string `json:"text"`
		} `json:"footer"`
	} `json:"embeds"`
	AllowedMentions *struct {
		Parse []string `json:"parse"`
		Users []string `json:"users"`
		Roles []string `json:"roles"`
	} `json:"allowed_mentions"`
}

// Title returns the title of the first embed.
func (b Body) Title() string {
	if len(b.Embeds) == 0 {
		return ""
	}
	return b.Embeds[0].Title
}

// parse reads a message. problem is the first rule that it breaks, or empty.
func parse(request *http.Request, body []byte) (message Body, problem string) {
	if request.Method != http.MethodPost {
		return message, "method is not POST"
	}
	if media, _, err := mime.ParseMediaType(request.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return message, "content type is not application/json"
	}
	message, err := Decode(body)
	if err != nil {
		return message, err.Error()
	}
	return message, ""
}

// Decode reads a message. It returns an error that names the rules of Discord that the
// message breaks. Lengths are counted in UTF-16 code units, which are never fewer than
// what Discord counts.
func Decode(body []byte) (Body, error) {
	var b Body
	if !utf8.Valid(body) {
		return b, errors.New("body is not UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		return b, fmt.Errorf("body is not a message: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return b, errors.New("body has more data after the message")
	}
	return b, errors.Join(b.checkMessage(), b.checkEmbeds(), b.checkMentions())
}

func (b Body) checkMessage() error {
	if strings.TrimSpace(b.Content) == "" && len(b.Embeds) == 0 {
		return errors.New("message is empty")
	}
	lower := strings.ToLower(b.Username)
	if strings.Contains(lower, "discord") || strings.Contains(lower, "clyde") {
		return errors.New("username contains a reserved word")
	}
	return errors.Join(within("username", b.Username, 0, 80), within("content", b.Content, 0, 2000))
}

func (b Body) checkEmbeds() error {
	if len(b.Embeds) > 10 {
		return errors.New("more than 10 embeds")
	}
	total := 0
	for _, e := range b.Embeds {
		if e.Title == "" && e.Description == "" && len(e.Fields) == 0 {
			return errors.New("an embed is empty")
		}
		if e.Color < 0 || e.Color > 0xFFFFFF {
			return errors.New("color is out of range")
		}
		if _, err := time.Parse(time.RFC3339, e.Timestamp); e.Timestamp != "" && err != nil {
			return errors.New("timestamp is not ISO 8601")
		}
		if len(e.Fields) > 25 {
			return errors.New("more than 25 fields")
		}
		errs := []error{within("title", e.Title, 0, 256), within("description", e.Description, 0, 4096)}
		total += units(e.Title) + units(e.Description)
		for _, f := range e.Fields {
			errs = append(errs, within("field name", f.Name, 1, 256), within("field value", f.Value, 1, 1024))
			total += units(f.Name) + units(f.Value)
		}
		if e.Footer != nil {
			errs = append(errs, within("footer", e.Footer.Text, 1, 2048))
			total += units(e.Footer.Text)
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	if total > 6000 {
		return fmt.Errorf("embeds have %d characters, more than 6000", total)
	}
	return nil
}

func (b Body) checkMentions() error {
	allowed := b.AllowedMentions
	if allowed == nil || allowed.Parse == nil {
		// Discord would accept it and mention everybody that the text names.
		return errors.New("allowed_mentions.parse is missing")
	}
	for _, kind := range allowed.Parse {
		if !slices.Contains([]string{"everyone", "users", "roles"}, kind) {
			return errors.New("allowed_mentions.parse has an unknown kind")
		}
	}
	if slices.Contains(allowed.Parse, "users") && len(allowed.Users) > 0 || slices.Contains(allowed.Parse, "roles") && len(allowed.Roles) > 0 {
		return errors.New("allowed_mentions has both a kind and single ids of that kind")
	}
	id := regexp.MustCompile(`^[0-9]{1,20}$`)
	for _, list := range [][]string{allowed.Parse, allowed.Users, allowed.Roles} {
		if len(list) > 100 {
			return errors.New("allowed_mentions has more than 100 of a kind")
		}
		sorted := slices.Sorted(slices.Values(list))
		if len(slices.Compact(sorted)) != len(list) {
			return errors.New("allowed_mentions has a duplicate")
		}
	}
	for _, name := range slices.Concat(allowed.Users, allowed.Roles) {
		if !id.MatchString(name) {
			return errors.New("allowed_mentions has an invalid id")
		}
	}
	return nil
}

// within checks the length of a text. Discord trims spaces, so a text of spaces is empty.
func within(name, s string, least, most int) error {
	if least > 0 && strings.TrimSpace(s) == "" {
		return fmt.Errorf("%s is empty", name)
	}
	if n := units(s); n > most {
		return fmt.Errorf("%s has %d characters, more than %d", name, n, most)
	}
	return nil
}

func units(s string) int { return len(utf16.Encode([]rune(s))) }
