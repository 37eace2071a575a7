package fault

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// reserve allocates memory from the system and writes to each page.
func reserve(size int) ([]byte, error) {
	at, err := windows.VirtualAlloc(0, uintptr(size), windows.MEM_COMMIT|windows.MEM_RESERVE, windows.PAGE_READWRITE)
	if err != nil {
		return nil, fmt.Errorf("allocate memory: %w", err)
	}
	chunk := unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&at))), size)
	for page := 0; page < len(chunk); page += pageSize {
		chunk[page] = 1
	}
	return chunk, nil
}

// release returns a chunk to the system.
func release(chunk []byte) {
	_ = windows.VirtualFree(uintptr(unsafe.Pointer(unsafe.SliceData(chunk))), 0, windows.MEM_RELEASE) // only fails for an invalid chunk
}
