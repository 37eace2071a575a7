package crowd

import (
	"slices"
	"strings"

	"onsale/internal/field"
)

// The scenarios, by the names that settings give them.
const (
	// Tickets: users look at the concerts and buy, through /buy. Every fifth
	// creates and deletes items instead.
	Tickets = "tickets"
	// TicketsRandomDeny is the same through /buy_random_deny.
	TicketsRandomDeny = "tickets-random-deny"
	// Items: all users create and delete items.
	Items = "items"
)

// Scenarios returns all there are, the default first.
func Scenarios() []string { return []string{Tickets, TicketsRandomDeny, Items} }

const (
	// DefaultUsers make some ten calls a second, among them two purchases and
	// two item calls. The alerts want to see 0.2 of a kind before they judge.
	DefaultUsers = 25
	// DefaultScenario makes no call that some people would rather not see.
	DefaultScenario = Tickets
	// MaxUsers keeps a demo crowd from becoming a load test by accident; that is
	// what the load tester is for.
	MaxUsers = 500
)

// Settings say how many users there are and what they do.
type Settings struct {
	Users    int    `json:"users"`
	Scenario string `json:"scenario"`
}

// DefaultSettings are those of `onsale up` without a flag.
func DefaultSettings() Settings { return Settings{Users: DefaultUsers, Scenario: DefaultScenario} }

// Validate returns a [*field.Error] for the first rule that is broken. There may
// be at most maxUsers.
func (s Settings) Validate(maxUsers int) error {
	if s.Users < 0 || s.Users > maxUsers {
		return field.Errorf("users", "must be between 0 and %d", maxUsers)
	}
	if all := Scenarios(); !slices.Contains(all, s.Scenario) {
		return &field.Error{Field: "scenario", Rule: "must be one of " + strings.Join(all, ", ")}
	}
	return nil
}

// patch is a change of the settings, as the body of PUT /crowd names it; what is
// nil stays as it is.
type patch struct {
	Users    *int    `json:"users"`
	Scenario *string `json:"scenario"`
}

func (s Settings) patch() patch { return patch{&s.Users, &s.Scenario} }

func (p patch) apply(s Settings) Settings {
	if p.Users != nil {
		s.Users = *p.Users
	}
	if p.Scenario != nil {
		s.Scenario = *p.Scenario
	}
	return s
}
