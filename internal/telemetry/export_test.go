package telemetry

// What the tests of the package see beyond its API.
var (
	BuildOf   = buildOf
	NewSystem = newSystem
)

// MaxScrapes is how many scrapes are gathered at once.
const MaxScrapes = maxScrapes
