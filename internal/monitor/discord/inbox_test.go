package discord_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/prometheus/common/model"

	"onsale/internal/monitor/discord"
)

// fill adds notifications to an inbox and returns its log.
func fill(t *testing.T, file string, from, to int) (*discord.Inbox, *logs) {
	t.Helper()
	l := &logs{}
	inbox := discord.NewInbox(file, l.logger())
	n, err := discord.New(discord.Options{Inbox: inbox})
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		a := at("A", "info", 0)
		a.Labels["alertname"] = model.LabelValue(fmt.Sprintf("Alert%d", i))
		if _, err := n.Notify(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	return inbox, l
}

func get(t *testing.T, inbox *discord.Inbox, method, target string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	inbox.Handler().ServeHTTP(w, httptest.NewRequest(method, target, http.NoBody))
	return w.Code, w.Body.String()
}

func TestInboxKeepsTheLast200(t *testing.T) {
	t.Parallel()
	inbox, _ := fill(t, "", 0, 230)
	list := inbox.List(1000)
	if len(list) != 200 || list[0].Alerts[0] != "Alert229" || list[199].Alerts[0] != "Alert30" {
		t.Errorf("the inbox has %d, from %v to %v", len(list), list[0].Alerts, list[len(list)-1].Alerts)
	}
}

func TestInboxSurvivesARestart(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "new", "inbox.json")
	first, _ := fill(t, file, 0, 3)
	again, l := fill(t, file, 3, 4)
	list := again.List(10)
	if len(list) != 4 || list[0].ID != 4 || list[3].ID != 1 || l.String() != "" {
		t.Fatalf("after the restart the inbox has %+v and logged %q", list, l)
	}
	if before, after := marshal(t, first.List(10)), marshal(t, list[1:]); !bytes.Equal(before, after) {
		t.Errorf("the restart changed\n%s\nto\n%s", before, after)
	}
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, %v", entries, err)
	}
}

func TestCorruptInboxIsRenamed(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":      "",
		"cut":        `{"last":1,"notifications":[{"id":1`,
		"other":      `[1]`,
		"null":       `{"last":1,"notifications":[null]}`,
		"no state":   `{"last":1,"notifications":[{"id":1}]}`,
		"disordered": `{"last":2,"notifications":[{"id":2,"delivery":{"state":"kept"}},{"id":1,"delivery":{"state":"kept"}}]}`,
		"beyond":     `{"last":1,"notifications":[{"id":2,"delivery":{"state":"kept"}}]}`,
		"huge":       strings.Repeat(" ", 17<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "inbox.json")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			inbox, l := fill(t, file, 0, 1)
			if n := len(inbox.List(10)); n != 1 {
				t.Errorf("the inbox has %d notifications", n)
			}
			if aside, err := os.ReadFile(file + ".corrupt"); err != nil || string(aside) != content {
				t.Errorf("the renamed file has %d bytes, %v", len(aside), err)
			}
			if strings.Count(l.String(), "inbox file is corrupt; renamed it") != 1 {
				t.Errorf("the log is %q", l)
			}
			if inbox, _ := fill(t, file, 1, 2); len(inbox.List(10)) != 2 {
				t.Error("the inbox does not work after the file was renamed")
			}
		})
	}
}

func TestUnwritableInboxContinuesInMemory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	block := filepath.Join(dir, "data")
	if err := os.WriteFile(block, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l := &logs{}
	inbox := discord.NewInbox(filepath.Join(block, "inbox.json"), l.logger())
	n, err := discord.New(discord.Options{Inbox: inbox})
	if err != nil {
		t.Fatal(err)
	}
	notify := func(name string) {
		t.Helper()
		if _, err := n.Notify(t.Context(), at(name, "info", 0)); err != nil {
			t.Fatal(err)
		}
	}
	notify("A")
	notify("B")
	if got := len(inbox.List(10)); got != 2 {
		t.Errorf("the inbox has %d notifications", got)
	}
	if strings.Count(l.String(), "cannot write inbox") != 1 {
		t.Errorf("the log is %q", l)
	}
	if err := os.Remove(block); err != nil {
		t.Fatal(err)
	}
	notify("C")
	if !strings.Contains(l.String(), "writing inbox works again") {
		t.Errorf("the log is %q", l)
	}
	if again, _ := fill(t, filepath.Join(block, "inbox.json"), 0, 0); len(again.List(10)) != 3 {
		t.Error("the file lacks notifications from before the disk recovered")
	}
}

func TestInboxHandler(t *testing.T) {
	t.Parallel()
	inbox, _ := fill(t, "", 0, 12)
	for target, want := range map[string]int{"/inbox": 12, "/inbox?limit=5": 5, "/inbox?limit=200": 12} {
		status, body := get(t, inbox, http.MethodGet, target)
		var got struct{ Notifications []map[string]any }
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != http.StatusOK || len(got.Notifications) != want {
			t.Errorf("%s answered %d with %d: %v", target, status, len(got.Notifications), err)
			continue
		}
		first := got.Notifications[0]
		for _, field := range []string{"id", "time", "status", "severity", "alerts", "summary", "payload", "delivery"} {
			if first[field] == nil {
				t.Errorf("%s is missing", field)
			}
		}
		if !slices.Equal(first["alerts"].([]any), []any{"Alert11"}) || first["status"] != "firing" {
			t.Errorf("the first notification is %v", first)
		}
	}
	empty := discord.NewInbox("", (&logs{}).logger())
	if _, body := get(t, empty, http.MethodGet, "/inbox"); strings.TrimSpace(body) != `{"notifications":[]}` {
		t.Errorf("an empty inbox answered %s", body)
	}
	for _, limit := range []string{"0", "201", "-1", "x", "", "1&limit=2"} {
		if status, body := get(t, inbox, http.MethodGet, "/inbox?limit="+limit); status != http.StatusUnprocessableEntity || !strings.Contains(body, "limit must be") {
			t.Errorf("limit %q answered %d %s", limit, status, body)
		}
	}
	if status, _ := get(t, inbox, http.MethodDelete, "/inbox"); status != http.StatusMethodNotAllowed {
		t.Errorf("DELETE answered %d", status)
	}
}

// TestSlowReadersOfTheInboxAreLimited has 60 clients that do not read an answer of 2 MB.
func TestSlowReadersOfTheInboxAreLimited(t *testing.T) {
	t.Parallel()
	var list []string
	for id := range 200 {
		list = append(list, fmt.Sprintf(`{"id":%d,"summary":%q,"delivery":{"state":"kept"}}`, id+1, strings.Repeat("x", 10<<10)))
	}
	file := filepath.Join(t.TempDir(), "inbox.json")
	if err := os.WriteFile(file, []byte(`{"last":200,"notifications":[`+strings.Join(list, ",")+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	h := discord.NewInbox(file, (&logs{}).logger()).Handler()
	synctest.Test(t, func(t *testing.T) {
		read := make(chan struct{})
		var refused atomic.Int64
		var clients sync.WaitGroup
		for range 60 {
			clients.Go(func() {
				c := slowClient{httptest.NewRecorder(), read}
				h.ServeHTTP(c, httptest.NewRequest(http.MethodGet, "/inbox", http.NoBody))
				if c.Code == http.StatusServiceUnavailable {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		close(read)
		clients.Wait()
		if n := refused.Load(); n < 20 || n > 40 {
			t.Errorf("%d of 60 were rejected", n)
		}
	})
}

// slowClient blocks in Write until read is closed.
type slowClient struct {
	*httptest.ResponseRecorder
	read <-chan struct{}
}

func (c slowClient) Write(p []byte) (int, error) {
	<-c.read
	return c.ResponseRecorder.Write(p)
}
