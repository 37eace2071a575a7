package server_test

import "testing"

// A load balancer keeps its connections to a server that drains. The server answers on
// each once more and closes it, so that the next request goes elsewhere.
func TestADrainClosesConnectionsAfterTheirAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, draining := range []bool{false, true} {
		if draining {
			r.server.Drain()
		}
		for _, path := range []string{"/concerts", "/health", "/nowhere"} {
			answer := r.do("GET", path, "")
			if closed := answer.Header().Get("Connection") == "close"; closed != draining {
				t.Errorf("GET %s: closed %t while draining %t", path, closed, draining)
			}
		}
	}
}
