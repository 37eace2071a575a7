package scenario

// ScanList returns the ids of a list of concerts.
func ScanList(text []byte, cut bool) ([]int64, bool) { return scanList(nil, text, cut) }

// ScanLeft returns how many tickets of a concert are left according to a list.
func ScanLeft(text []byte, concert int64) (int64, bool) { return scanLeft(text, concert) }
