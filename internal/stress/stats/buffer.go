package stats

import "sync"

const (
	// bufferSize is how many samples are counted at once: 50 KB of them, which stay in a core's own cache, and some
	// 50 µs of counting.
	bufferSize = 512
	// maxWaiting is how many full buffers may wait to be counted before those who
	// fill them wait too: 3 MB, and at 50,000 requests/s more than half a second of them. Nobody who reads
	// takes so long: a snapshot with all names takes 2 ms, halving a series 40 ms.
	maxWaiting = 64
)

// record is a sample and where it is counted.
type record struct {
	entry  *Entry
	sample Sample
}

// shard takes the samples of some of those who record.
type shard struct {
	mu     sync.Mutex
	buffer []record
	// Shards next to each other share no cache line: what one core writes would be lost to the other.
	_ [96]byte
}

// add keeps a record. If the buffer is full then, it queues it and returns how many are
// queued, which is 0 otherwise. Queueing under the shard's lock leaves no moment
// at which a record is in neither of them.
func (s *shard) add(rec record, q *queue) (waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.buffer == nil {
		s.buffer = q.empty()
	}
	s.buffer = append(s.buffer, rec)
	if len(s.buffer) < bufferSize {
		return 0
	}
	waiting = q.push(s.buffer)
	s.buffer = nil
	return waiting
}

// flush queues what the shard has.
func (s *shard) flush(q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.buffer) > 0 {
		q.push(s.buffer)
		s.buffer = nil
	}
}

// queue has the buffers that wait to be counted, and those that were and can be filled anew.
type queue struct {
	mu    sync.Mutex
	full  [][]record
	spare [][]record
}

// empty returns an empty buffer.
func (q *queue) empty() []record {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := len(q.spare) - 1
	if last < 0 {
		return make([]record, 0, bufferSize)
	}
	buffer := q.spare[last]
	q.spare = q.spare[:last]
	return buffer
}

// push queues a buffer, and returns how many there are then.
func (q *queue) push(buffer []record) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.full = append(q.full, buffer)
	return len(q.full)
}

// pop returns a buffer to count; nil if there is none.
func (q *queue) pop() []record {
	q.mu.Lock()
	defer q.mu.Unlock()
	last := len(q.full) - 1
	if last < 0 {
		return nil
	}
	buffer := q.full[last]
	q.full = q.full[:last]
	return buffer
}

// release takes a buffer back that was counted.
func (q *queue) release(buffer []record) {
	// What the samples point to is not held on to.
	clear(buffer)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.spare = append(q.spare, buffer[:0])
}

// relieve counts what waits, unless somebody else has the lock: then what waits
// stays there for the next, as long as it is not too much.
func (r *Recorder) relieve(waiting int) {
	if waiting >= maxWaiting {
		r.counting.Lock()
	} else if !r.counting.TryLock() {
		return
	}
	defer r.counting.Unlock()
	// No more than there was: others who record meanwhile count for themselves.
	for range waiting {
		r.countOne()
	}
}

// collect counts all that was recorded before; the lock is held.
func (r *Recorder) collect() {
	for _, s := range r.shards {
		s.flush(&r.queue)
	}
	for r.countOne() {
	}
}

// countOne counts the samples of one buffer, if one waits; the lock is held.
func (r *Recorder) countOne() bool {
	buffer := r.queue.pop()
	if buffer == nil {
		return false
	}
	for i := range buffer {
		e, s := buffer[i].entry, &buffer[i].sample
		if !r.counts(s) {
			continue
		}
		response, service := micros(s.Response), micros(s.Service)
		e.tally.add(s, response, service, r.separate)
		r.total.add(s, response, service, r.separate)
		r.current.add(s, response)
		if s.Outcome.Class == Failed {
			r.failures.add(e.key, s)
		}
	}
	r.queue.release(buffer)
	return true
}
