//go:build !unix

package wire_test

// asPoor is not used on this system, which has no limit of open files to set.
const asPoor = "ONSALE_TEST_AS_POOR"

func beWithoutFiles(string) {}
