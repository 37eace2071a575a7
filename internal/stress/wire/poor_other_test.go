//go:build !unix

package wire_test

// asPoor is not used here: there is no limit of open files to set.
const asPoor = "ONSALE_TEST_AS_POOR"

func beWithoutFiles(string) {}
