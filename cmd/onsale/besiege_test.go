package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"onsale/cmd/onsale/internal/command"
)

// asBesieger is the variable that turns the test binary into a hostile client of the server that it names.
const asBesieger = "ONSALE_TEST_BESIEGES"

// The attack of [besiege]: its rate, its length, and how long an attacker waits for an answer
// before it hangs up.
const (
	siegeEvery = 20 * time.Millisecond // 50 a second
	siegeTime  = 30 * time.Second
	hangUp     = time.Second
	// Sockets that never read, and sockets that send an endless header.
	deafSockets, slowSockets = 50, 20
)

// besiege attacks the server at base 50 times a second, with each attack in turn: attacks
// that once stopped ticket sales, and others of their kind.
func besiege(base string) error {
	target, err := url.Parse(base)
	if err != nil {
		return err
	}
	for range deafSockets {
		go deaf(target.Host)
	}
	for range slowSockets {
		go slow(target.Host)
	}
	attacks := attacks(target.Host)
	tick := time.NewTicker(siegeEvery)
	defer tick.Stop()
	end := time.Now().Add(siegeTime)
	for i := 0; time.Now().Before(end); i++ {
		<-tick.C
		go send(target.Host, attacks[i%len(attacks)])
	}
	return nil
}

// attacks returns the attacks as raw requests.
func attacks(host string) []string {
	get := func(path string, header ...string) string {
		return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, host, strings.Join(append(header, ""), "\r\n"))
	}
	post := func(path, mediaType, body string, header ...string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s",
			path, host, mediaType, len(body), strings.Join(append(header, ""), "\r\n"), body)
	}
	const form, json = "application/x-www-form-urlencoded", "application/json"
	query := func(expr string) string { return url.Values{"query": {expr}}.Encode() }
	now := time.Now().Unix()
	overDays := fmt.Sprintf("&start=%d&end=%d&step=15", now-86400, now)
	overAnHour := fmt.Sprintf("&start=%d&end=%d&step=1", now-3600, now)
	doubled := "up"
	for range 20 {
		doubled = `label_replace(` + doubled + `,"a","$1$1$1$1","a","(.*)")`
	}
	buy := `{"user_email":"mallory@example.com","quantity":1}`
	return []string{
		// Queries that once exhausted the memory, the stack or the processor.
		get("/api/v1/query?" + query("up[1y:1ms]")),
		get("/api/v1/query?" + query("sum_over_time(vector(1)[1y:1ms])")),
		get("/api/v1/query?" + query("max_over_time(max_over_time(up[1d:1s])[1d:1s])")),
		get("/api/v1/query?" + query("up[1y:]")),
		post("/api/v1/query", form, query(strings.Repeat("abs(", 600_000))),
		post("/api/v1/query", form, query(strings.Repeat("(", 100_000)+"1"+strings.Repeat(")", 100_000))),
		post("/api/v1/parse_query", form, query(strings.Repeat("-", 500_000)+"1")),
		get("/api/v1/format_query?" + query(strings.Repeat("(", 4000)+"1"+strings.Repeat(")", 4000))),
		get("/api/v1/format_query?" + query("1"+strings.Repeat("+1", 3000))),
		post("/api/v1/query", form, query(doubled)),
		post("/api/v1/query", form, query(`{__name__=~"`+strings.Repeat("(a{1000})", 200)+`"}`)),
		post("/api/v1/query_range", form, query(`count({__name__!=""} * on() group_left {__name__!=""})`)+overDays),
		post("/api/v1/query_range", form, query(`quantile_over_time(0.9,{__name__!=""}[1d])`)+overDays),
		post("/api/v1/query_range", form, query(`sort(rate({__name__=~".+"}[1h]))`)+overDays),
		post("/api/v1/query", "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n"+
			strings.Repeat("x", 4<<20)+"\r\n--b--\r\n"),
		// Queries that are answered, at the highest cost that is allowed.
		post("/api/v1/query_range", form, query(`count_values("t", vector(time()))`)+overAnHour),
		post("/api/v1/query_range", form, query(`quantile_over_time(0.5, (vector(time()))[3000s:1s])`)+overAnHour),
		post("/api/v1/query_range", form, query(`{__name__=~".+"} or {__name__!=""} or {job=~".*e.*"}`)+overAnHour),
		get("/api/v1/series?" + strings.Repeat("match[]=up&", 1000)),
		get("/api/v2/alerts?filter=" + url.QueryEscape(`a=~"`+strings.Repeat("(a{1000})", 100)+`"`)),
		// Other websites, unknown host names, and guessed passwords.
		get("/api/v1/query?query=up", "Sec-Fetch-Site: cross-site"),
		strings.Replace(get("/inbox"), host, "rebound.example.com", 1),
		strings.Replace(post("/buy/1", json, buy), host, "rebound.example.com", 1),
		post("/stress/runs", json, `{"users":400}`, "Origin: https://evil.example.com"),
		post("/concerts/new", json, `{"title":"x","date":"x","venue":"x","number_of_tickets":1}`,
			"Authorization: Bearer 0123456789abcdef", "X-Forwarded-For: 192.0.2.1"),
		// Purchases that are invalid.
		post("/buy/9223372036854775807", json, buy),
		post("/buy/1", json, strings.Repeat("[", 8000)),
		post("/api/items", json, strings.Repeat("x", 900_000)),
	}
}

// send sends a request and reads the answer, for at most hangUp.
func send(host, request string) {
	conn, err := (&net.Dialer{Timeout: hangUp}).DialContext(context.Background(), "tcp", host)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(hangUp))
	if _, err := io.WriteString(conn, request); err != nil {
		return
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, answer.Body) // any answer will do
}

// deaf requests a large file many times and never reads.
func deaf(host string) {
	again(host, func(conn net.Conn) error {
		request := "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
		if _, err := io.WriteString(conn, strings.Repeat(request, 15)); err != nil {
			return err
		}
		time.Sleep(siegeTime)
		return nil
	})
}

// slow sends one byte of a header per second.
func slow(host string) {
	again(host, func(conn net.Conn) error {
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nX: "); err != nil {
			return err
		}
		for range int(siegeTime.Seconds()) {
			time.Sleep(time.Second)
			if _, err := io.WriteString(conn, "x"); err != nil {
				return err
			}
		}
		return nil
	})
}

// again repeats an attack on a new connection whenever the last one was closed.
func again(host string, attack func(net.Conn) error) {
	for end := time.Now().Add(siegeTime); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		conn, err := (&net.Dialer{Timeout: hangUp}).DialContext(context.Background(), "tcp", host)
		if err != nil {
			continue
		}
		if err := attack(conn); err != nil && !errors.Is(err, net.ErrClosed) {
			_ = conn.Close()
		}
	}
}

// besiegeAsProcess is the main function of a hostile client.
func besiegeAsProcess(base string) {
	if err := besiege(base); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(command.ExitFailure)
	}
	os.Exit(command.ExitOK)
}
