package main

// A container image built from scratch has neither certificates nor time zones. The binary
// uses its own where the system has none.
import (
	_ "time/tzdata" // time zones, which an Alertmanager configuration can name

	_ "golang.org/x/crypto/x509roots/fallback" // certificate authorities, for TLS to PostgreSQL and Discord
)
