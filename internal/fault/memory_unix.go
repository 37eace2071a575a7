//go:build unix

package fault

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// reserve allocates memory from the system and writes to each page.
func reserve(size int) ([]byte, error) {
	chunk, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map memory: %w", err)
	}
	for at := 0; at < len(chunk); at += pageSize {
		chunk[at] = 1
	}
	return chunk, nil
}

// release returns a chunk to the system.
func release(chunk []byte) { _ = unix.Munmap(chunk) } // only fails for an invalid chunk
