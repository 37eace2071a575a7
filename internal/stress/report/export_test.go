package report

// What the tests of numbers and text look at.
var (
	Millis   = millis
	Duration = duration
	Clock    = clock
	Count    = count
	Rate     = rate
	Share    = share
	Bytes    = bytes
	Plain    = plain
)
