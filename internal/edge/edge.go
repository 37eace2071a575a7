// Package edge bounds what the clients of a server can hold: how many
// connections there are, and for how long a client may keep one without using it.
//
// A [Listener] has a limited number of places. A client that connects while all
// are taken gets one of a few connections in reserve. When its request arrives,
// the listener takes a place from a connection that does not use it: one whose
// client does not read or send, else the one that has been idle the longest, else
// the oldest that has not sent a request for a while. If there is none for a second, [Admit]
// refuses the request, unless it is a probe's or an admin's.
//
// Where requests arrive faster than the processors can work, [Listener.Pace] makes
// them wait before they begin, so that probes and scrapes do not.
//
// A [Conn] closes itself when its client stops reading.
package edge

import "time"

const (
	// Reserve is how many connections there may be beyond the limit of a listener.
	// It is enough for a few dozen probes, scrapes and admins at once; what
	// strangers hold of it is taken from them as soon as it is full.
	Reserve = 64

	// reserveTimeout is how long a connection in reserve may exist before it has
	// been admitted. A probe sends its request at once.
	reserveTimeout = 2 * time.Second
	// reserveBlocked is how long a client in reserve may leave an answer unread, or a
	// body unsent, once the reserve is full. The answers to probes fit into the
	// buffers of the system, so that a client in good order is not even waited for.
	reserveBlocked = 50 * time.Millisecond

	// writeStall is how long a client may take to read writeChunk bytes. With the
	// buffers of the system between, a client must read some 6 KB/s, as measured over
	// Linux's loopback, whose packets are large.
	writeStall = 30 * time.Second
	// writeChunk is how much is written, in bytes, before progress is looked at.
	writeChunk = 16 << 10
	// sendBuffer is what the system may keep for a client that does not read, in
	// bytes (Linux doubles it). The system wakes a writer when a third of it is free:
	// with buffers of megabytes, a slow client would look like one that has stopped.
	sendBuffer = 64 << 10

	// patience is how long a client may take to send a request's body, or to read
	// writeChunk bytes, while others wait for a place. A purchase is sent in one
	// packet, and its answer fits into the buffers of the system.
	patience = 250 * time.Millisecond
	// newPatience is how long a client may take to send a request on a new connection
	// while others wait for a place. Its first packet follows at once.
	newPatience = 100 * time.Millisecond
	// lookInterval is the time between two searches for such clients: a search
	// reads the state of all connections.
	lookInterval = 50 * time.Millisecond
	// placeWait is how long a request waits for a place. It is shorter than the
	// patience of the clients, and no longer than Retry-After says.
	placeWait = time.Second

	// logInterval is the time between two messages about connections that were shed.
	logInterval = time.Minute
)

// Why a connection was shed, as the label of the metric has it.
const (
	reasonIdle    = "idle"    // no request was under way
	reasonNew     = "new"     // it had not sent a request
	reasonSlow    = "slow"    // the client did not read or send while others waited
	reasonStalled = "stalled" // the client did not read, whether others waited or not
	reasonReserve = "reserve" // it held a place of the reserve without being admitted
)
