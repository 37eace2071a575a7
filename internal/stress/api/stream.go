package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// retry is how long a client waits before it reconnects.
	retry = 2 * time.Second
	// writeLimit bounds the time to write an event. A client that reads more slowly is
	// disconnected, and can reconnect.
	writeLimit = 10 * time.Second
	// keepAlive is the longest time without an event. Many proxies close connections
	// that are idle for a minute.
	keepAlive = 15 * time.Second
	// maxEventID is the longest Last-Event-ID that is read, in bytes.
	maxEventID = 100
)

// cursor is how far a client has followed the runs: the latest run that it has
// seen, and whether that was running. Event ids encode it, so a client that
// reconnects sends it back as Last-Event-ID.
type cursor struct {
	id      string
	running bool
}

// The ids of events: running/20261122-085900-7f3a.
const (
	runningPrefix = "running/"
	idlePrefix    = "idle/"
)

func (c cursor) String() string {
	if c.running {
		return runningPrefix + c.id
	}
	return idlePrefix + c.id
}

// parseCursor parses an event id. It returns false if the text is not one.
func parseCursor(text string) (cursor, bool) {
	if len(text) > maxEventID {
		return cursor{}, false
	}
	if id, ok := strings.CutPrefix(text, runningPrefix); ok {
		return cursor{id, true}, true
	}
	id, ok := strings.CutPrefix(text, idlePrefix)
	return cursor{id, false}, ok
}

// ended returns the runs that have ended since the cursor.
func (c cursor) ended(now cursor) (ids []string) {
	if c.running && c != now {
		ids = append(ids, c.id)
	}
	if !now.running && now.id != "" && now.id != c.id {
		ids = append(ids, now.id) // it began and ended between two polls
	}
	return ids
}

// stream is the event stream of one client.
type stream struct {
	w    http.ResponseWriter
	ctrl *http.ResponseController
	// seen is the client's cursor; it is valid if hasSeen is set.
	seen    cursor
	hasSeen bool
	state   []byte    // the last state that was sent
	written time.Time // when anything was sent
}

func newStream(w http.ResponseWriter, lastEventID string) *stream {
	s := &stream{w: w, ctrl: http.NewResponseController(w)}
	s.seen, s.hasSeen = parseCursor(lastEventID)
	return s
}

// begin sends the header. The server's timeouts are for responses that end, so a
// stream sets a timeout for each write instead.
func (s *stream) begin() bool {
	_ = s.ctrl.SetReadDeadline(time.Time{}) // recorders in tests have none
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // else nginx buffers events
	return s.write(fmt.Appendf(nil, "retry: %d\n\n", retry.Milliseconds()))
}

// end removes the write timeout for the next request on the connection.
func (s *stream) end() { _ = s.ctrl.SetWriteDeadline(time.Time{}) }

// show sends what is new to the client, and reports whether the client is still
// connected.
func (s *stream) show(f frame) bool {
	var text bytes.Buffer
	if s.hasSeen {
		for _, id := range s.seen.ended(f.cursor) {
			event(&text, "end", cursor{id: id}, endOf(id))
		}
	}
	s.seen, s.hasSeen = f.cursor, true
	// The state does not change while nothing runs.
	if !bytes.Equal(f.data, s.state) {
		event(&text, "state", f.cursor, f.data)
		s.state = f.data
	}
	if text.Len() == 0 {
		if time.Since(s.written) < keepAlive {
			return true
		}
		text.WriteString(": nothing new\n\n")
	}
	return s.write(text.Bytes())
}

// endOf is the data of an event "end".
func endOf(id string) []byte {
	data, err := json.Marshal(struct {
		ID     string `json:"id"`
		Report string `json:"report"`
	}{id, pathOf(id)})
	if err != nil { // encoding strings never fails
		panic(err)
	}
	return data
}

// event appends an event. Neither JSON nor ids have line breaks: ids come from the
// runner or from a request header.
func event(text *bytes.Buffer, name string, id cursor, data []byte) {
	fmt.Fprintf(text, "event: %s\nid: %s\ndata: %s\n\n", name, id, data)
}

// write sends a text at once, and reports whether the client took it in time.
func (s *stream) write(text []byte) bool {
	s.written = time.Now()
	_ = s.ctrl.SetWriteDeadline(s.written.Add(writeLimit))
	if _, err := s.w.Write(text); err != nil {
		return false
	}
	return s.ctrl.Flush() == nil
}
