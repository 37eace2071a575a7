package stats

// The limits, for tests that exceed them.
const (
	MaxEntries  = maxEntries
	MaxFailures = maxFailures
	MaxBusiness = maxBusiness
	MaxPoints   = maxPoints
	// MaxWaiting is the number of samples that can wait to be counted.
	MaxWaiting = maxWaiting * bufferSize
)

// Hold acts like a slow reader: it keeps others from counting until release is called.
func (r *Recorder) Hold() (release func()) {
	r.counting.Lock()
	return r.counting.Unlock
}
