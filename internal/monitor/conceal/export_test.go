package conceal

// Decided returns how a field is shown. known is false if it is in no list.
func Decided(key string) (isClosed, isLabels, known bool) {
	how := fields()[key]
	return how == closed, how == labels, how != unknown
}

// Fields returns the keys of all fields in the lists.
func Fields() []string {
	var keys []string
	for key := range fields() {
		keys = append(keys, key)
	}
	return keys
}
