package crowd

import (
	"slices"
	"strings"

	"onsale/internal/field"
)

// The scenarios, with their names in the settings.
const (
	// Tickets: users list the concerts and buy at /buy. Every fifth user creates
	// and deletes items instead.
	Tickets = "tickets"
	// TicketsRandomDeny is the same with purchases at /buy_random_deny.
	TicketsRandomDeny = "tickets-random-deny"
	// Items: all users create and delete items.
	Items = "items"
)

// Scenarios returns all scenarios, the default first.
func Scenarios() []string { return []string{Tickets, TicketsRandomDeny, Items} }

const (
	// DefaultUsers make about ten calls per second, including two purchases and two
	// item calls. Alerts on shares need at least 0.2 calls per second of a kind.
	DefaultUsers = 25
	// DefaultScenario avoids the route that denies purchases at random.
	DefaultScenario = Tickets
	// MaxUsers prevents the demo users from becoming a load test by accident. Use
	// onsale stress for that.
	MaxUsers = 500
)

// Settings are the number of users and their scenario.
type Settings struct {
	Users    int    `json:"users"`
	Scenario string `json:"scenario"`
}

// DefaultSettings returns the settings of `onsale up` without flags.
func DefaultSettings() Settings { return Settings{Users: DefaultUsers, Scenario: DefaultScenario} }

// Validate returns a [*field.Error] for the first invalid setting. Users may be at
// most maxUsers.
func (s Settings) Validate(maxUsers int) error {
	if s.Users < 0 || s.Users > maxUsers {
		return field.Errorf("users", "must be between 0 and %d", maxUsers)
	}
	if all := Scenarios(); !slices.Contains(all, s.Scenario) {
		return &field.Error{Field: "scenario", Rule: "must be one of " + strings.Join(all, ", ")}
	}
	return nil
}

// patch is a change of the settings in the body of PUT /crowd. Fields that are nil
// do not change.
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
