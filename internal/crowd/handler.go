package crowd

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"onsale/internal/sale"
)

const (
	// maxBody limits a request's body, in bytes.
	maxBody = 64 << 10
	// jsonType is the media type of what is sent and answered.
	jsonType = "application/json"
)

func (c *Crowd) serve(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodPut:
		if p := c.put(w, r); p != nil {
			p.write(w)
			return
		}
	default:
		w.Header().Set("Allow", "GET, HEAD, PUT")
		methodNotAllowed().write(w)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	answer(w, http.StatusOK, jsonType, c.State())
}

// put changes the settings that the request's body names.
func (c *Crowd) put(w http.ResponseWriter, r *http.Request) *problem {
	if !saysJSON(r.Header.Get("Content-Type")) {
		return unsupported()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return tooLarge()
	case err != nil:
		return malformed("is cut off")
	}
	change, p := parse(body)
	if p != nil {
		return p
	}
	if broken, ok := errors.AsType[*sale.FieldError](c.change(change)); ok {
		return invalid(fieldProblem{broken.Field, broken.Rule})
	}
	return nil
}

// saysJSON reports whether a content type is JSON; none is taken for it.
func saysJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == jsonType
}

// answer sends a value as JSON.
func answer(w http.ResponseWriter, status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil { // strings, numbers and times cannot fail to be encoded
		panic(err)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // nobody is left to hear of a broken connection
}
