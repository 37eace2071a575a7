package server_test

import "testing"

// Load balancers keep their connections to a draining server. The server answers once more
// on each connection and then closes it, so that the next request goes to another server.
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
