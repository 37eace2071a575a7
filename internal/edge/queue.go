package edge

import "time"

// queue is a list of connections with the oldest at its front. A connection is in one
// queue at a time.
type queue struct {
	front, back *Conn
	length      int
}

// push adds a connection at the back. It must not be in another queue.
func (q *queue) push(c *Conn) {
	c.queue, c.since = q, time.Now()
	c.prev, c.next = q.back, nil
	if q.back != nil {
		q.back.next = c
	} else {
		q.front = c
	}
	q.back = c
	q.length++
}

// remove removes a connection, which must be in the queue.
func (q *queue) remove(c *Conn) {
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		q.front = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		q.back = c.prev
	}
	c.queue, c.prev, c.next = nil, nil, nil
	q.length--
}
