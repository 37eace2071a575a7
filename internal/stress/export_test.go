package stress

// The rules by which the tester judges itself.
var (
	IsLate   = isLate
	TooOften = tooOften
)
