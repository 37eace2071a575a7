package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"onsale/internal/pgtest"
)

// clerk makes item calls, and checks the answers against the contract.
type clerk struct {
	t      *testing.T
	client *http.Client
}

func newClerk(t *testing.T) *clerk {
	t.Helper()
	c := &clerk{t, newClient()}
	t.Cleanup(c.client.CloseIdleConnections)
	return c
}

// token gets a token for the user from a server.
func (c *clerk) token(p *process, user string) string {
	c.t.Helper()
	var answer struct{ Token string }
	status, body := call(c.t.Context(), c.client, http.MethodPost, p.url()+"/api/token", "", "User-ID", user)
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusOK || answer.Token == "" {
		c.t.Fatalf("token: %d %s", status, body)
	}
	return answer.Token
}

// create creates an item with a token and no User-ID, and returns its id.
func (c *clerk) create(p *process, token string) string {
	c.t.Helper()
	var answer struct {
		ItemID string `json:"item_id"`
	}
	status, body := call(c.t.Context(), c.client, http.MethodPost, p.url()+"/api/items", `{"any":"thing"}`, "Token", token)
	if err := json.Unmarshal(body, &answer); err != nil || status != http.StatusCreated || answer.ItemID == "" {
		c.t.Fatalf("create item: %d %s", status, body)
	}
	return answer.ItemID
}

// expect makes a call and checks its status.
func (c *clerk) expect(status int, p *process, method, path, token string) string {
	c.t.Helper()
	got, body := call(c.t.Context(), c.client, method, p.url()+path, "", "Token", token)
	if got != status {
		c.t.Errorf("%s %s: %d %s, want %d", method, path, got, body, status)
	}
	return string(body)
}

func TestReplicasAcceptEachOthersTokens(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	// Both start at the same time on an empty database, and must agree on one key.
	replicas := []*process{
		launch(t, database(url), "serve", "--listen", "127.0.0.1:0", "--faults", "off"),
		launch(t, database(url), "serve", "--listen", "127.0.0.1:0", "--faults", "off"),
	}
	for _, p := range replicas {
		p.waitFor(`ready on `)
	}
	c := newClerk(t)
	for i, first := range replicas {
		second := replicas[1-i]
		token := c.token(first, "ada")
		id := c.create(second, token)
		c.expect(http.StatusNotFound, first, http.MethodDelete, "/api/items/"+id, c.token(second, "bob"))
		c.expect(http.StatusOK, first, http.MethodDelete, "/api/items/"+id, token)
		c.expect(http.StatusNotFound, second, http.MethodDelete, "/api/items/"+id, token)
	}
}

func TestTokensAndItemsOutliveTheServer(t *testing.T) {
	t.Parallel()
	for name, where := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClerk(t)
			env, dir := where(t)
			p := serve(t, env, "--faults", "off", dir)
			token := c.token(p, "ada")
			first, second := c.create(p, token), c.create(p, token)
			if code := p.terminate(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			p = serve(t, env, "--faults", "off", dir)
			c.expect(http.StatusOK, p, http.MethodDelete, "/api/items/"+first, token)
			p.kill()
			p = serve(t, env, "--faults", "off", dir)
			c.expect(http.StatusOK, p, http.MethodDelete, "/api/items/"+second, token)
		})
	}
}

func TestTokenKeyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	c := newClerk(t)
	dir := dataDir(t)
	plain := serve(t, nil, "--faults", "off", dir)
	old := c.token(plain, "ada")
	plain.terminate()

	key := []string{"ONSALE_TOKEN_KEY=" + secret}
	first := serve(t, key, "--faults", "off", "--log-level", "debug", dir)
	second := serve(t, key, "--faults", "off", "--log-level", "debug", dataDir(t)) // with its own database
	other := serve(t, []string{"ONSALE_TOKEN_KEY=" + secret + "!"}, "--faults", "off", dataDir(t))
	token := c.token(first, "ada")
	c.create(first, token)
	c.create(second, token)
	refused := c.expect(http.StatusForbidden, first, http.MethodPost, "/api/items", old)
	if again := c.expect(http.StatusForbidden, other, http.MethodPost, "/api/items", token); again != refused || !strings.Contains(refused, `"error":"Unauthorized"`) {
		t.Errorf("rejected with %s and %s", refused, again)
	}
	for _, p := range []*process{first, second} {
		shown := p.stderr.String()
		for _, path := range []string{"/metrics", "/openapi.json", "/faults", "/api/items"} {
			_, body := call(t.Context(), c.client, http.MethodGet, p.url()+path, "")
			shown += string(body)
		}
		showsNoKey(t, shown, []byte(secret))
	}
}

// showsNoKey fails the test if a text contains the key in any common encoding.
func showsNoKey(t *testing.T, shown string, key []byte) {
	t.Helper()
	for _, spelling := range []string{
		string(key), hex.EncodeToString(key), base64.StdEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key), fmt.Sprintf("%d", key),
	} {
		if strings.Contains(shown, spelling) {
			t.Errorf("the key is shown as %s", spelling)
		}
	}
}

func TestTokenKeyOfTheDatabaseIsShownNowhere(t *testing.T) {
	t.Parallel()
	url := server.Database(t)
	p := serve(t, database(url), "--log-level", "debug")
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var key []byte
	if err := conn.QueryRow(t.Context(), `SELECT key FROM onsale.token_keys`).Scan(&key); err != nil || len(key) < 32 {
		t.Fatalf("a key of %d bytes, %v", len(key), err)
	}
	c := newClerk(t)
	shown := c.token(p, "ada") + c.expect(http.StatusOK, p, http.MethodGet, "/metrics", "") + c.expect(http.StatusOK, p, http.MethodGet, "/faults", "")
	showsNoKey(t, shown+p.stderr.String(), key)
}

func TestTokenLife(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--faults", "off", "--token-life", "1s", dataDir(t))
	c := newClerk(t)
	token := c.token(p, "ada")
	c.create(p, token)
	time.Sleep(2 * time.Second) // the expiry is rounded up to a whole second
	c.expect(http.StatusForbidden, p, http.MethodPost, "/api/items", token)
	c.create(p, c.token(p, "ada"))
}

func TestUserLabelsFlag(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, "--faults", "off", "--max-user-labels", "2", dataDir(t))
	c := newClerk(t)
	for _, user := range []string{"ada", "bob", "cyd", "dan"} {
		c.create(p, c.token(p, user))
	}
	text := c.expect(http.StatusOK, p, http.MethodGet, "/metrics", "")
	for _, line := range []string{
		`user_activity_total{user_id="ada"} 1`, `user_activity_total{user_id="bob"} 1`, `user_activity_total{user_id="other"} 2`,
		"active_users 4", "total_requests_total 4", "total_items_created_total 4", "average_request_size 15", "error_rate_total 0",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
}

func TestWrongTokenSettings(t *testing.T) {
	t.Parallel()
	const short = "15-bytes-secret"
	for name, c := range map[string]struct {
		env  []string
		args []string
		say  string
	}{
		"short key":   {[]string{"ONSALE_TOKEN_KEY=" + short}, nil, "ONSALE_TOKEN_KEY"},
		"short life":  {nil, []string{"--token-life", "999ms"}, "--token-life"},
		"long life":   {nil, []string{"--token-life", "721h"}, "--token-life"},
		"few labels":  {nil, []string{"--max-user-labels=-1"}, "--max-user-labels"},
		"many labels": {nil, []string{"--max-user-labels", "10001"}, "--max-user-labels"},
		"no duration": {[]string{"ONSALE_TOKEN_LIFE=soon"}, nil, "--token-life"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, c.env, append([]string{"serve", "--listen", "127.0.0.1:0", dataDir(t)}, c.args...)...)
			if code := p.code(); code != 2 {
				t.Errorf("exit code %d, want 2", code)
			}
			if line := oneLine(t, p); !strings.Contains(line, c.say) || strings.Contains(line, short) {
				t.Errorf("said %q, want something with %q", line, c.say)
			}
		})
	}
}

// TestItemsBeforeTheDatabase requests tokens and items while the database is unreachable. The
// answer is 503 without a key. A server with ONSALE_TOKEN_KEY issues tokens immediately.
func TestItemsBeforeTheDatabase(t *testing.T) {
	t.Parallel()
	pg := pgtest.Start(t)
	url := pg.Database(t)
	if err := pg.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	c := newClerk(t)
	keyless := launch(t, database(url), "serve", "--listen", "127.0.0.1:0", "--faults", "off")
	keyed := launch(t, append(database(url), "ONSALE_TOKEN_KEY="+secret), "serve", "--listen", "127.0.0.1:0", "--faults", "off")
	for _, p := range []*process{keyless, keyed} {
		p.waitFor("waiting for the database")
	}
	for path, method := range map[string]string{"/api/token": http.MethodPost, "/api/items": http.MethodPost, "/api/items/x": http.MethodDelete} {
		if body := c.expect(http.StatusServiceUnavailable, keyless, method, path, "any"); !strings.Contains(body, `"unavailable"`) {
			t.Errorf("%s %s", path, body)
		}
	}
	token := c.token(keyed, "ada")
	c.expect(http.StatusServiceUnavailable, keyed, http.MethodPost, "/api/items", token)
	c.expect(http.StatusServiceUnavailable, keyed, http.MethodDelete, "/api/items/x", token)
	c.expect(http.StatusForbidden, keyed, http.MethodPost, "/api/items", "any")

	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*process{keyless, keyed} {
		p.waitFor("ready on ")
		c.create(p, c.token(p, "ada"))
	}
}
