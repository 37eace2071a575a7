package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"onsale/cmd/onsale/internal/command"
	"onsale/internal/monitor/discord/discordtest"
)

// sells checks that tickets are sold.
func sells(t *testing.T, base string) {
	t.Helper()
	r := newRush(t, base, 100)
	r.buy(t.Context(), 10, 1)
	if r.verify(); r.answers[http.StatusOK] != 10 {
		t.Errorf("10 buyers got %v", r.answers)
	}
}

// value returns the value of a query to a Prometheus. It is empty unless there is exactly one.
func value(t *testing.T, base, expr string) string {
	t.Helper()
	c := newClient()
	defer c.CloseIdleConnections()
	_, body := call(t.Context(), c, http.MethodGet, base+"/api/v1/query?query="+url.QueryEscape(expr), "")
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.Data.Result) != 1 {
		return ""
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1])
}

// becomes waits until a query has a value.
func becomes(t *testing.T, base, expr, want string) {
	t.Helper()
	until(t, startLimit, expr+" is "+want, func() string {
		if got := value(t, base, expr); got != want {
			return "it is " + got
		}
		return ""
	})
}

// at returns the value of a selector at a time.
func at(selector string, when time.Time) string {
	return fmt.Sprintf("%s @ %d.%03d", selector, when.Unix(), when.UnixMilli()%1000)
}

// idle are the arguments of `up` without demo users and faults.
func idle(args ...string) []string {
	return append([]string{"up", "--listen", "127.0.0.1:0", "--crowd", "0", "--faults", "off"}, args...)
}

func TestTakenPortOfUpAndMonitor(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	for name, args := range map[string][]string{
		"up":      {"up"},
		"monitor": {"monitor", "--target", "http://127.0.0.1:8000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			p := launch(t, nil, append(args, "--listen", taken.Addr().String(), "--data-dir", dir)...)
			if code := p.code(); code != command.ExitFailure {
				t.Errorf("exit code %d, want %d", code, command.ExitFailure)
			}
			if line := oneLine(t, p); !strings.Contains(line, "--listen "+taken.Addr().String()) || !strings.Contains(line, "in use") {
				t.Errorf("said %q, want the flag, the address and the reason", line)
			}
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the data directory was created: %v", err)
			}
		})
	}
}

// TestTwoOnOneDirectory: the second process has no monitoring, does not disturb that of the
// first, and sells the same concerts.
func TestTwoOnOneDirectory(t *testing.T) {
	t.Parallel()
	began := time.Now()
	dir := filepath.Join(t.TempDir(), "data")
	first := launch(t, nil, idle("--data-dir", dir)...)
	base := awaitAlerting(t, first)
	second := launch(t, nil, idle("--data-dir", dir)...)
	if line := second.waitFor("onsale: the monitoring ended.*"); !strings.Contains(line, "in use by another process") || !strings.Contains(line, dir) {
		t.Errorf("said %q", line)
	}
	r := newRush(t, base, 100)
	r.buy(t.Context(), 10, 1)
	elsewhere := second.url()
	r.base.Store(&elsewhere)
	r.buy(t.Context(), 10, 1)
	r.verify()
	if r.answers[http.StatusOK] != 20 {
		t.Errorf("20 buyers got %v", r.answers)
	}
	if code := second.terminate(); code != command.ExitOK {
		t.Errorf("exit code %d of the second process", code)
	}
	// The first process writes it once a minute; the second would have written it at its end.
	if info, err := os.Stat(filepath.Join(dir, "alertmanager", "nflog")); err == nil && time.Since(began) < time.Minute {
		t.Errorf("the second process wrote a file of the first, at %s", info.ModTime())
	}
	becomes(t, base, "up", "1")

	monitor := launch(t, nil, "monitor", "--listen", "127.0.0.1:0", "--target", base, "--data-dir", dir)
	if code := monitor.code(); code != command.ExitFailure {
		t.Errorf("exit code %d of a monitor, want %d", code, command.ExitFailure)
	}
	if line := oneLine(t, monitor); !strings.Contains(line, "in use by another process") {
		t.Errorf("a monitor said %q", line)
	}
}

func TestDataDirectoryThatIsAFile(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"up":      {"up"},
		"monitor": {"monitor", "--target", "http://127.0.0.1:8000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := writeFile(t, "data", "no directory")
			p := launch(t, nil, append(args, "--listen", "127.0.0.1:0", "--data-dir", file)...)
			if code := p.code(); code != command.ExitFailure {
				t.Errorf("exit code %d, want %d", code, command.ExitFailure)
			}
			if line := oneLine(t, p); !strings.Contains(line, file) {
				t.Errorf("said %q, want the directory", line)
			}
		})
	}
}

// TestDiscordOutOfReach: neither start nor sales wait for Discord.
func TestDiscordOutOfReach(t *testing.T) {
	t.Parallel()
	nobody := discordtest.Start()
	url := nobody.URL()
	nobody.Close()
	up := launch(t, []string{"DISCORD_URL=" + url}, idle("--rules", writeFile(t, "always.yml", always), dataDir(t))...)
	sells(t, up.waitFor(`ready on (http://\S+)`))
	if line := up.waitFor("level=WARN.*discord notification delayed.*"); strings.Contains(line, discordtest.Path) {
		t.Errorf("the address was written: %s", line)
	}
	if code := up.terminate(); code != command.ExitOK {
		t.Errorf("exit code %d", code)
	}
}

// garble overwrites the second half of a file.
func garble(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(content) / 2; i < len(content); i++ {
		content[i] = "garbage "[i%8]
	}
	if err := os.WriteFile(file, append(content, "garbage"...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedFiles: the monitoring reports each of its files that it cannot read, and loses
// nothing else.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	args := idle("--rules", writeFile(t, "always.yml", always), "--data-dir", dir)
	up := launch(t, nil, args...)
	base := awaitAlerting(t, up)
	silence(t, base, "alertname=Nothing")
	becomes(t, base, "sum(count_over_time(up[1m])) > bool 3", "1")
	up.waitFor("Always") // the alert is in the inbox
	if code := up.terminate(); code != command.ExitOK {
		t.Fatalf("exit code %d", code)
	}
	up = launch(t, nil, args...)
	becomes(t, up.url(), "sum(count_over_time(up[1m])) > bool 6", "1")
	up.kill()

	alerts := filepath.Join(dir, "alertmanager")
	damaged := []string{
		filepath.Join(dir, "prometheus", "wal", "00000001"),
		filepath.Join(alerts, "nflog"), filepath.Join(alerts, "silences"), filepath.Join(dir, "inbox.json"),
	}
	for _, file := range damaged {
		garble(t, file)
	}
	up = launch(t, nil, args...)
	base = awaitAlerting(t, up)
	sells(t, base)
	becomes(t, base, "sum(count_over_time(up[1m])) > bool 3", "1")
	for _, say := range []string{
		"Encountered WAL read error, attempting repair",
		"broken snapshot.*nflog", "broken snapshot.*silences", "inbox file is corrupt",
	} {
		up.waitFor("level=(?:WARN|ERROR).*" + say)
	}
	if most, said := 10, strings.Count(up.stderr.String(), "level=WARN")+strings.Count(up.stderr.String(), "level=ERROR"); said > most {
		t.Errorf("%d warnings, want %d at most:\n%s", said, most, up.stderr)
	}
	if code := up.terminate(); code != command.ExitOK {
		t.Errorf("exit code %d", code)
	}
}

// TestDamagedBlock: the library cannot repair a block, so it is moved aside.
func TestDamagedBlock(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	dir := filepath.Join(data, "prometheus")
	block(t, dir, "damaged", time.Now().Add(-6*time.Hour))
	index, err := filepath.Glob(filepath.Join(dir, "*", "index"))
	if err != nil || len(index) != 1 {
		t.Fatalf("blocks: %v %v", index, err)
	}
	garble(t, index[0])
	block(t, dir, "whole", time.Now().Add(-9*time.Hour))
	up := launch(t, nil, idle("--data-dir", data)...)
	base := up.waitFor(`ready on (http://\S+)`)
	sells(t, base)
	becomes(t, base, "up", "1")
	up.waitFor("level=WARN.*cannot read metrics; moved the damaged files out of the database.*moved_to=broken")
	if aside, err := filepath.Glob(filepath.Join(dir, "broken", "*", "index")); err != nil || len(aside) != 1 {
		t.Errorf("set aside: %v %v", aside, err)
	}
	becomes(t, base, "max_over_time(whole[12h])", "1")
}

// silence silences the alerts with a label.
func silence(t *testing.T, base, matcher string) {
	t.Helper()
	c := newClient()
	defer c.CloseIdleConnections()
	name, want, _ := strings.Cut(matcher, "=")
	now := time.Now().UTC()
	status, body := call(t.Context(), c, http.MethodPost, base+"/api/v2/silences", fmt.Sprintf(
		`{"matchers":[{"name":%q,"value":%q,"isRegex":false}],"startsAt":%q,"endsAt":%q,"createdBy":"test","comment":"Known."}`,
		name, want, now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339)))
	if status != http.StatusOK {
		t.Fatalf("silence: %d %s", status, body)
	}
}

// sample appends a sample of the series.
func sample(t *testing.T, to interface {
	Appender(ctx context.Context) storage.Appender
}, series string, when time.Time,
) {
	t.Helper()
	a := to.Appender(t.Context())
	if _, err := a.Append(0, labels.FromStrings("__name__", series), when.UnixMilli(), 1); err != nil {
		t.Fatal(err)
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
}

// block writes a block with one sample into a metrics directory.
func block(t *testing.T, dir, series string, when time.Time) {
	t.Helper()
	w, err := tsdb.NewBlockWriter(slog.New(slog.DiscardHandler), dir, time.Hour.Milliseconds())
	if err != nil {
		t.Fatal(err)
	}
	sample(t, w, series, when)
	if _, err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// head writes one sample into the write-ahead log of a metrics directory.
func head(t *testing.T, dir, series string, when time.Time) {
	t.Helper()
	db, err := tsdb.Open(dir, slog.New(slog.DiscardHandler), nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	sample(t, db, series, when)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestClockThatWasAhead starts with metrics of tomorrow, which would prevent storing those of
// today.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	dir := filepath.Join(data, "prometheus")
	past, future := time.Now().Add(-6*time.Hour), time.Now().Add(24*time.Hour)
	block(t, dir, "yesterday", past)
	block(t, dir, "tomorrow", future.Add(-3*time.Hour))
	head(t, dir, "tomorrow", future)
	up := launch(t, nil, idle("--data-dir", data)...)
	base := up.waitFor(`ready on (http://\S+)`)
	sells(t, base)
	becomes(t, base, "up", "1")
	line := up.waitFor("level=WARN.*moved samples with future timestamps out of the database.*")
	if want := future.UTC().Format(time.RFC3339); !strings.Contains(line, want) {
		t.Errorf("said %q, want %s", line, want)
	}
	becomes(t, base, at("yesterday", past), "1")
	if got := value(t, base, at("tomorrow", future)); got != "" {
		t.Errorf("the metrics of tomorrow still exist: %s", got)
	}
	aside, err := filepath.Glob(filepath.Join(dir, "ahead", "*"))
	if err != nil || len(aside) != 3 { // the write-ahead log, the head chunks and a block
		t.Errorf("set aside: %v %v", aside, err)
	}
}

// TestClockThatWasBehind starts with metrics of three days ago, as after a clock was set
// forward.
func TestClockThatWasBehind(t *testing.T) {
	t.Parallel()
	data, past := filepath.Join(t.TempDir(), "data"), time.Now().Add(-72*time.Hour)
	head(t, filepath.Join(data, "prometheus"), "then", past)
	up := launch(t, nil, idle("--data-dir", data)...)
	base := up.waitFor(`ready on (http://\S+)`)
	becomes(t, base, "up", "1")
	becomes(t, base, at("then", past), "1")
	if said := up.stderr.String(); strings.Contains(said, "level=WARN") || strings.Contains(said, "level=ERROR") {
		t.Errorf("said %s", said)
	}
}

// TestSecondStartContinues restarts `up`. Alerts, silences and concerts continue.
func TestSecondStartContinues(t *testing.T) {
	t.Parallel()
	receiver := discordtest.Start()
	t.Cleanup(receiver.Close)
	data := filepath.Join(t.TempDir(), "data")
	start := func(rules string) (*process, *watcher) {
		up := launch(t, []string{"DISCORD_URL=" + receiver.URL()}, "up", "--listen", "127.0.0.1:0",
			"--data-dir", data, "--rules", writeFile(t, "rules.yml", rules))
		return up, watch(t, awaitAlerting(t, up))
	}
	up, w := start(always)
	silence(t, w.base, "alertname=Later")
	awaitMessage(t, receiver, w, "FIRING", "Always")
	becomes(t, w.base, "sum(count_over_time(up[1h])) > bool 3", "1")
	stopped := time.Now()
	if code := up.terminate(); code != command.ExitOK {
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(stopped); took > 5*time.Second {
		t.Errorf("it took %s to end", took)
	}

	// Two more alerts show when alerts of the first start would have been sent again.
	more := always
	for _, name := range []string{"Later", "Last"} {
		more += "      - alert: " + name + "\n        expr: vector(1)\n        labels: {severity: info}\n"
	}
	_, w = start(more)
	awaitMessage(t, receiver, w, "FIRING", "Last")
	times := map[string]int{}
	for _, title := range titles(receiver) {
		for _, name := range []string{"Always", "Later"} {
			if isTitle(title, "FIRING", name) || isTitle(title, "RESOLVED", name) {
				times[name]++
			}
		}
	}
	if times["Always"] != 1 || times["Later"] != 0 {
		t.Errorf("messages %v, want Always once, and not Later, which is silenced", titles(receiver))
	}
	becomes(t, w.base, "sum(count_over_time("+at("up[1h]", stopped)+")) > bool 3", "1")
	var concerts []struct{ ID int64 }
	w.read(t, "/concerts", &concerts)
	if len(concerts) != 3 {
		t.Errorf("%d concerts, want the 3 of the first start", len(concerts))
	}
}
