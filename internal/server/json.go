package server

import (
	"encoding/json"
	"io"
	"strconv"
	"time"
)

// appender is an answer that encodes itself. The answers of the two most frequent calls
// do. Tests compare the result with that of encoding/json.
type appender interface{ appendJSON(buf []byte) []byte }

// writeJSON encodes an answer and sends it in one write. It ignores a failed write,
// because the client is then gone.
func writeJSON(w io.Writer, answer any) error {
	var body []byte
	if a, ok := answer.(appender); ok {
		body = a.appendJSON(make([]byte, 0, 320))
	} else {
		var err error
		if body, err = json.Marshal(answer); err != nil {
			return err
		}
	}
	_, _ = w.Write(append(body, '\n'))
	return nil
}

// appendText appends a member of an object whose value is a string.
func appendText(buf []byte, name, value string) []byte {
	buf = append(append(buf, name...), '"')
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			encoded, _ := json.Marshal(value) // a string cannot fail to be encoded
			return append(buf[:len(buf)-1], encoded...)
		}
	}
	return append(append(buf, value...), '"')
}

// appendInt appends a member of an object whose value is an integer.
func appendInt(buf []byte, name string, value int64) []byte {
	return strconv.AppendInt(append(buf, name...), value, 10)
}

// appendTime appends a member of an object whose value is a time.
func appendTime(buf []byte, name string, t time.Time) []byte {
	buf = append(append(buf, name...), '"')
	return append(t.AppendFormat(buf, time.RFC3339Nano), '"')
}
