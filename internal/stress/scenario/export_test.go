package scenario

// ScanList is what reads a list of concerts.
func ScanList(text []byte, cut bool) ([]int64, bool) { return scanList(nil, text, cut) }

// ScanLeft is what reads how many tickets a list says are left of a concert.
func ScanLeft(text []byte, concert int64) (int64, bool) { return scanLeft(text, concert) }
