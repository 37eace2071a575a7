package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// retry is after how long a reader whose stream broke off should come again.
	retry = 2 * time.Second
	// writeLimit is how long an event may take to be written. A reader who takes
	// longer is dropped, and comes again if it is still there.
	writeLimit = 10 * time.Second
	// keepAlive is how long a stream is silent at most: proxies close what is
	// silent for longer, often after a minute.
	keepAlive = 15 * time.Second
	// maxEventID is how much of a reader's Last-Event-ID is looked at, in bytes.
	maxEventID = 100
)

// knowledge is what a reader knows of the runs: which the latest is, and whether it
// was running. It is what the ids of events tell, so that a reader who comes again
// brings it along.
type knowledge struct {
	id      string
	running bool
}

// The ids of events: running/20261122-085900-7f3a.
const (
	runningPrefix = "running/"
	idlePrefix    = "idle/"
)

func (k knowledge) String() string {
	if k.running {
		return runningPrefix + k.id
	}
	return idlePrefix + k.id
}

// parseKnowledge reads the id of an event; false if it is none.
func parseKnowledge(text string) (knowledge, bool) {
	if len(text) > maxEventID {
		return knowledge{}, false
	}
	if id, ok := strings.CutPrefix(text, runningPrefix); ok {
		return knowledge{id, true}, true
	}
	id, ok := strings.CutPrefix(text, idlePrefix)
	return knowledge{id, false}, ok
}

// ended returns the runs that have ended since a reader knew what it knew.
func (k knowledge) ended(now knowledge) (ids []string) {
	if k.running && k != now {
		ids = append(ids, k.id)
	}
	if !now.running && now.id != "" && now.id != k.id {
		ids = append(ids, now.id) // it came and went between two looks
	}
	return ids
}

// stream is the event stream of one reader.
type stream struct {
	w    http.ResponseWriter
	ctrl *http.ResponseController
	// known is what the reader knows, if it has come so far.
	known   knowledge
	knows   bool
	told    []byte    // the last state that was written
	written time.Time // when anything was
}

func newStream(w http.ResponseWriter, lastEventID string) *stream {
	s := &stream{w: w, ctrl: http.NewResponseController(w)}
	s.known, s.knows = parseKnowledge(lastEventID)
	return s
}

// begin sends the header. The time-outs of the server are for answers that end:
// a stream has one for each write.
func (s *stream) begin() bool {
	_ = s.ctrl.SetReadDeadline(time.Time{}) // a writer of tests has none
	header := s.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	return s.write(fmt.Appendf(nil, "retry: %d\n\n", retry.Milliseconds()))
}

// end lets the next request on the connection begin as any other.
func (s *stream) end() { _ = s.ctrl.SetWriteDeadline(time.Time{}) }

// show tells the reader what is new to it, and reports whether it is still
// there.
func (s *stream) show(f frame) bool {
	var text bytes.Buffer
	if s.knows {
		for _, id := range s.known.ended(f.knowledge) {
			event(&text, "end", knowledge{id: id}, endOf(id))
		}
	}
	s.known, s.knows = f.knowledge, true
	// While nothing runs nothing changes, and the reader knows it already.
	if !bytes.Equal(f.data, s.told) {
		event(&text, "state", f.knowledge, f.data)
		s.told = f.data
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
	if err != nil { // strings cannot fail to be encoded
		panic(err)
	}
	return data
}

// event appends an event. JSON has no line breaks, and ids are those of the
// desk or of the reader's header, which have none either.
func event(text *bytes.Buffer, name string, id knowledge, data []byte) {
	fmt.Fprintf(text, "event: %s\nid: %s\ndata: %s\n\n", name, id, data)
}

// write sends a text at once, and reports whether the reader took it in time.
func (s *stream) write(text []byte) bool {
	s.written = time.Now()
	_ = s.ctrl.SetWriteDeadline(s.written.Add(writeLimit))
	if _, err := s.w.Write(text); err != nil {
		return false
	}
	return s.ctrl.Flush() == nil
}
