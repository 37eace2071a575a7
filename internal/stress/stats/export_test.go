package stats

// The limits, for tests that go beyond them.
const (
	MaxEntries  = maxEntries
	MaxFailures = maxFailures
	MaxBusiness = maxBusiness
	MaxPoints   = maxPoints
	// MaxWaiting is how many samples may wait to be counted.
	MaxWaiting = maxWaiting * bufferSize
)

// Hold does what a reader does that takes long: it keeps others from counting until release is called.
func (r *Recorder) Hold() (release func()) {
	r.counting.Lock()
	return r.counting.Unlock
}
