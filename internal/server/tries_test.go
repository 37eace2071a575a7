package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/server"
)

// tryFrom makes an admin call from an address, with an Authorization header.
func tryFrom(r *rig, addr, authorization string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, "/books", nil)
	request.RemoteAddr = addr
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	// An attacker can claim a different address each time.
	request.Header.Set("X-Forwarded-For", fmt.Sprintf("10.0.0.%d", time.Now().UnixNano()%250))
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, request)
	return w
}

const (
	right = "Bearer the-right-token-of-admins"
	wrong = "Bearer the-wrong-token-of-admins"
)

func guessed(o *server.Options) { o.AdminToken = strings.TrimPrefix(right, "Bearer ") }

// TestWrongTokens guesses from one address, which gets limited. The correct token is still
// accepted from that address, and other addresses and calls are not affected.
func TestWrongTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, guessed)
		for i := range 40 {
			w := tryFrom(r, fmt.Sprintf("203.0.113.7:%d", 1024+i), wrong) // a connection each
			if i < 20 {
				wantProblem(t, w, 401, "unauthorized")
				continue
			}
			wantProblem(t, w, 429, "too_many_tries")
			wantHeader(t, w, "Connection", "close")
			wantHeader(t, w, "Retry-After", "60")
			if w := tryFrom(r, "203.0.113.7:999", right); w.Code != http.StatusOK {
				t.Fatalf("the right token is answered %d", w.Code)
			}
			wantProblem(t, tryFrom(r, "203.0.113.7:999", ""), 401, "unauthorized")
		}
		wantProblem(t, tryFrom(r, "203.0.113.8:999", wrong), 401, "unauthorized")
		if w := r.do("GET", "/concerts", "", "Authorization: "+wrong); w.Code != http.StatusOK {
			t.Errorf("a call that needs no token: %d", w.Code)
		}
		if got := r.series(t, "onsale_admin_wrong_tokens_total"); got != 41 {
			t.Errorf("%v wrong tokens are counted, want 41", got)
		}

		time.Sleep(59 * time.Second)
		w := tryFrom(r, "203.0.113.7:999", wrong)
		wantProblem(t, w, 429, "too_many_tries")
		wantHeader(t, w, "Retry-After", "1")
		time.Sleep(time.Second)
		wantProblem(t, tryFrom(r, "203.0.113.7:999", wrong), 401, "unauthorized")
	})
}

// TestWrongTokensOfOneNetwork: an IPv6 client has a network of 64 bits, which counts as
// one address.
func TestWrongTokensOfOneNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, guessed)
		for i := range 21 {
			w := tryFrom(r, fmt.Sprintf("[2001:db8:1:2::%x]:999", i+1), wrong)
			if want := map[bool]int{true: 401, false: 429}[i < 20]; w.Code != want {
				t.Errorf("try %d: %d, want %d", i, w.Code, want)
			}
		}
		wantProblem(t, tryFrom(r, "[2001:db8:1:3::1]:999", wrong), 401, "unauthorized")
		// The same IPv4 address in two notations.
		for i := range 21 {
			addr := "198.51.100.1:999"
			if i%2 == 0 {
				addr = "[::ffff:198.51.100.1]:999"
			}
			if w := tryFrom(r, addr, wrong); i == 20 && w.Code != 429 {
				t.Errorf("try %d: %d, want 429", i, w.Code)
			}
		}
	})
}

// TestWrongTokensAreBounded: for any number of addresses, the numbers of log lines and
// counts are bounded, no token is logged, and the correct token is accepted.
func TestWrongTokensAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, guessed)
		braked := 0
		for i := range 5000 {
			if w := tryFrom(r, fmt.Sprintf("10.%d.%d.1:999", i/250, i%250), wrong); w.Code == 429 {
				braked++
			}
		}
		// 1024 addresses have their own count; all others share one.
		if want := 5000 - 1024 - 20; braked != want {
			t.Errorf("%d of 5000 addresses are limited, want %d", braked, want)
		}
		if w := tryFrom(r, "10.19.249.1:999", right); w.Code != http.StatusOK {
			t.Errorf("the right token is answered %d", w.Code)
		}
		log := r.log.String()
		if n := strings.Count(log, "wrong admin token"); n != 20 {
			t.Errorf("%d lines are logged, want 20", n)
		}
		if !strings.Contains(log, "remote_addr=10.0.0.1:999") || strings.Contains(log, "the-wrong-token") || strings.Contains(log, "the-right-token") {
			t.Errorf("the log does not name the address, or shows a token:\n%.500s", log)
		}
		time.Sleep(time.Minute)
		tryFrom(r, "10.0.0.1:999", wrong)
		if n := strings.Count(r.log.String(), "wrong admin token"); n != 21 {
			t.Errorf("%d lines are logged a minute later, want 21", n)
		}
	})
}
