package main

// A container made from scratch has neither certificates nor time zones. What is in the binary is
// used where the system has none.
import (
	_ "time/tzdata" // time zones, which a configuration of Alertmanager may name

	_ "golang.org/x/crypto/x509roots/fallback" // authorities, for TLS to PostgreSQL and Discord
)
