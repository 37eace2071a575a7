package edge

import "time"

// queue is a list of connections, the one that came first at its front. A
// connection is in one queue at a time.
type queue struct {
	front, back *Conn
	length      int
}

// push puts a connection that is in no queue at the back.
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

// remove takes a connection of the queue out of it.
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
