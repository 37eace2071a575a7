package discordtest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"onsale/internal/monitor/discord/discordtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// post sends a body and returns the status, headers and body of the response.
func post(t *testing.T, ctx context.Context, url, body string) (status int, header http.Header, answer string) { //nolint:revive // t is the first parameter
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(read)
}

// with returns a valid message with these embeds.
func with(embed string) string {
	return `{"embeds":[` + embed + `],"allowed_mentions":{"parse":[]}}`
}

func TestReceiverAcceptsMessages(t *testing.T) {
	t.Parallel()
	r := discordtest.Start()
	defer r.Close()
	good := with(`{"title":"A","fields":[{"name":"n","value":"v"}]}`)
	if status, _, body := post(t, t.Context(), r.URL(), good); status != http.StatusNoContent || body != "" {
		t.Errorf("answered %d %s", status, body)
	}
	if status, _, body := post(t, t.Context(), r.URL()+"?wait=true", good); status != http.StatusOK || !strings.Contains(body, "id") {
		t.Errorf("with wait=true it answered %d %s", status, body)
	}
	if status, _, _ := post(t, t.Context(), r.URL()+"x", good); status != http.StatusNotFound {
		t.Errorf("another webhook answered %d", status)
	}
	if n := len(r.Messages()); n != 2 || r.Messages()[0].JSON != good {
		t.Errorf("kept %d messages", n)
	}
}

func TestReceiverRejectsWhatDiscordRejects(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("x", n) }
	field := func(name, value int) string {
		return fmt.Sprintf(`{"name":%q,"value":%q}`, long(name), long(value))
	}
	embed := `{"title":"A"}`
	bad := map[string]string{
		"nothing":            `{"allowed_mentions":{"parse":[]}}`,
		"no JSON":            `{`,
		"two":                with(embed) + with(embed),
		"unknown field":      with(`{"heading":"A"}`),
		"mentions left open": `{"embeds":[` + embed + `]}`,
		"long content":       `{"content":"` + long(2001) + `","allowed_mentions":{"parse":[]}}`,
		"wide content":       `{"content":"` + strings.Repeat("🎫", 1001) + `","allowed_mentions":{"parse":[]}}`,
		"11 embeds":          with(strings.Repeat(embed+",", 10) + embed),
		"empty embed":        with(`{}`),
		"long title":         with(`{"title":"` + long(257) + `"}`),
		"long description":   with(`{"description":"` + long(4097) + `"}`),
		"26 fields":          with(`{"fields":[` + strings.Repeat(field(1, 1)+",", 25) + field(1, 1) + `]}`),
		"long field name":    with(`{"fields":[` + field(257, 1) + `]}`),
		"long field value":   with(`{"fields":[` + field(1, 1025) + `]}`),
		"empty field value":  with(`{"fields":[` + field(1, 0) + `]}`),
		"long altogether":    with(`{"description":"` + long(4096) + `"},{"description":"` + long(1905) + `"}`),
		"colour":             with(`{"title":"A","color":16777216}`),
		"time":               with(`{"title":"A","timestamp":"today"}`),
		"mention of nobody":  `{"content":"x","allowed_mentions":{"parse":["someone"]}}`,
		"mention twice":      `{"content":"x","allowed_mentions":{"parse":[],"users":["1","1"]}}`,
		"mention overlaps":   `{"content":"x","allowed_mentions":{"parse":["users"],"users":["1"]}}`,
		"mention of a name":  `{"content":"x","allowed_mentions":{"parse":[],"roles":["ops"]}}`,
		"reserved name":      `{"username":"Discord","content":"x","allowed_mentions":{"parse":[]}}`,
	}
	for name, body := range bad {
		if _, err := discordtest.Decode([]byte(body)); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	r := discordtest.Start()
	defer r.Close()
	if status, _, body := post(t, t.Context(), r.URL(), bad["long title"]); status != http.StatusBadRequest || !strings.Contains(body, "50035") {
		t.Errorf("answered %d %s", status, body)
	}
	for _, body := range []string{
		with(`{"title":"` + long(256) + `","description":"` + long(4096) + `","fields":[` + field(256, 1024) + `]}`),
		`{"content":"` + strings.Repeat("🎫", 1000) + `","allowed_mentions":{"parse":["everyone"],"users":["1"]}}`,
	} {
		if _, err := discordtest.Decode([]byte(body)); err != nil {
			t.Errorf("a valid message is rejected: %v", err)
		}
	}
}

func TestReceiverFailsOnRequest(t *testing.T) {
	t.Parallel()
	r := discordtest.Start()
	defer r.Close()
	good := with(`{"title":"A"}`)
	r.Next(1, discordtest.Busy(1500*time.Millisecond))
	r.Next(2, discordtest.Status(http.StatusBadGateway))
	r.Next(1, discordtest.Hang())
	status, header, body := post(t, t.Context(), r.URL(), good)
	if status != http.StatusTooManyRequests || header.Get("Retry-After") != "2" || !strings.Contains(body, `"retry_after":1.5`) || !strings.Contains(body, `"global":false`) {
		t.Errorf("answered %d %v %s", status, header, body)
	}
	for range 2 {
		if status, _, _ := post(t, t.Context(), r.URL(), good); status != http.StatusBadGateway {
			t.Errorf("answered %d", status)
		}
	}
	hurried, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if status, _, body := post(t, hurried, r.URL(), good); status != 0 {
		t.Errorf("answered %d %s", status, body)
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	if status, _, _ := post(t, ctx, r.URL(), good); status != http.StatusNoContent {
		t.Errorf("answered %d", status)
	}
	m, err := r.Wait(ctx, func(m discordtest.Message) bool { return m.Title() == "A" })
	if err != nil || m.Attempts != 5 || len(r.Requests()) != 5 {
		t.Errorf("it arrived at attempt %d of %d requests, %v", m.Attempts, len(r.Requests()), err)
	}
	if _, err := r.Wait(hurried, func(discordtest.Message) bool { return false }); err == nil {
		t.Error("Wait returned no error for a message that never arrives")
	}
}
