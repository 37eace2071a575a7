package main

import (
	"strings"
	"testing"

	"onsale/cmd/onsale/internal/command"
)

// TestMonitoringGetsNoSecretOfTheSale checks the environment of the monitoring process.
func TestMonitoringGetsNoSecretOfTheSale(t *testing.T) {
	for _, name := range []string{"DATABASE_URL", "PGPASSWORD", "ONSALE_ADMIN_TOKEN", "ONSALE_TOKEN_KEY"} {
		t.Setenv(name, "a secret of the sale")
	}
	t.Setenv("DISCORD_URL", "a secret of the monitoring")
	given := strings.Join(monitorChild(&command.Env{})("{}").Env, "\n")
	if strings.Contains(given, "a secret of the sale") {
		t.Error("the environment has a secret of the sale")
	}
	if !strings.Contains(given, "DISCORD_URL=a secret of the monitoring\n") {
		t.Error("the environment does not have DISCORD_URL")
	}
}
