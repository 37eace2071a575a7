//go:build race

package server_test

// underRace is whether the race detector is on, which makes everything slower.
const underRace = true
