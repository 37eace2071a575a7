package telemetry

// Unexported functions for the tests.
var (
	BuildOf   = buildOf
	NewSystem = newSystem
)

// MaxScrapes is the maximum number of concurrent scrapes.
const MaxScrapes = maxScrapes
