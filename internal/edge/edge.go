// Package edge limits the connections of a server's clients: how many there are, and how
// long a client can keep one without using it.
//
// A [Listener] has a limited number of places. A client that connects while all places
// are taken gets one of a few connections in reserve. When its request arrives, the
// listener closes a connection that does not use its place. It closes one whose client
// does not read or send, else the longest idle one, else the oldest one that has not sent
// a request for a while. If it finds none within a second, [Admit] rejects the request,
// unless it is from a probe or an admin.
//
// When requests arrive faster than the processors can serve them, [Listener.Pace] makes
// them wait before they begin, so that probes and scrapes need not wait.
//
// A [Conn] closes itself when its client stops reading.
package edge

import "time"

const (
	// Reserve is the maximum number of connections beyond the limit of a listener. It is
	// enough for dozens of probes, scrapes and admins at once. When it is full,
	// connections of other clients in it are closed.
	Reserve = 64

	// reserveTimeout is how long a connection can be in reserve before it is admitted. A
	// probe sends its request at once.
	reserveTimeout = 2 * time.Second
	// reserveBlocked is how long a client in reserve can leave an answer unread, or a body
	// unsent, when the reserve is full. Answers to probes fit into the operating system's
	// buffers, so well-behaved clients are not affected.
	reserveBlocked = 50 * time.Millisecond

	// writeStall is how long a client can take to read writeChunk bytes. With the
	// operating system's buffers in between, a client must read about 6 KB/s. This was
	// measured over Linux's loopback, whose packets are large.
	writeStall = 30 * time.Second
	// writeChunk is the size of a write, in bytes, after which progress is checked.
	writeChunk = 16 << 10
	// sendBuffer is how many bytes the operating system buffers for a client that does not
	// read (Linux doubles it). The system wakes a writer when a third of the buffer is
	// free. With a buffer of megabytes, a slow client would look like a stalled one.
	sendBuffer = 64 << 10

	// patience is how long a client can take to send a request's body, or to read
	// writeChunk bytes, while others wait for a place. A purchase is sent in one packet,
	// and its answer fits into the operating system's buffers.
	patience = 250 * time.Millisecond
	// newPatience is how long a client can take to send a request on a new connection
	// while others wait for a place. Normally the request follows at once.
	newPatience = 100 * time.Millisecond
	// lookInterval is the time between two searches for such clients. A search reads the
	// state of all connections.
	lookInterval = 50 * time.Millisecond
	// placeWait is how long a request waits for a place. It is shorter than clients'
	// timeouts, and not longer than Retry-After.
	placeWait = time.Second

	// logInterval is the time between two log messages about shed connections.
	logInterval = time.Minute
)

// Reasons to shed a connection, as values of the metric's label.
const (
	reasonIdle    = "idle"    // no request was in flight
	reasonNew     = "new"     // it had not sent a request
	reasonSlow    = "slow"    // the client did not read or send while others waited
	reasonStalled = "stalled" // the client did not read, whether others waited or not
	reasonReserve = "reserve" // the reserve was full, or the connection was not admitted in time
)
