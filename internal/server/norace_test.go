//go:build !race

package server_test

// underRace says that the race detector is on, under which nothing is as fast
// as it will be.
const underRace = false
