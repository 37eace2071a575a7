package report_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"onsale/internal/stress/report"
	"onsale/internal/stress/result"
)

func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	want := nasty()
	want.Capacity = capacity()
	file := filepath.Join(t.TempDir(), "run.json")
	if err := report.SaveJSON(file, nil, want); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := result.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	// Times have microseconds, and zones no names, so the first reading may differ. The
	// second does not.
	var first, second strings.Builder
	if err := errors.Join(result.Write(&first, want), result.Write(&second, got)); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Error("what was read is written differently")
	}
	if !got.Started.Equal(want.Started) || !reflect.DeepEqual(got.Settings, want.Settings) || got.Stats.Total.Requests != want.Stats.Total.Requests {
		t.Errorf("read %+v", got)
	}
	if !strings.Contains(first.String(), "\n  \"schema\": 1,\n") {
		t.Error("it is not indented")
	}
}

func TestSaveJSONToStdout(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := report.SaveJSON("-", &out, sample(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := result.Read(strings.NewReader(out.String())); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("-"); err == nil {
		t.Error("there is a file called -")
	}
	broken := sample(1)
	broken.Stats.Duration = math.NaN()
	if err := result.Write(&out, broken); err == nil {
		t.Error("a value that JSON cannot represent was written")
	}
}

// TestSaveIsWhole: if the new file cannot be written, the old one is kept. Links are
// kept, and no temporary file is left.
func TestSaveIsWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, link := filepath.Join(dir, "run.json"), filepath.Join(dir, "latest.json")
	if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := sample(1)
	broken.Stats.Duration = math.NaN()
	if err := report.SaveJSON(file, nil, broken); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the error is %v, want one that names the file", err)
	}
	if text, _ := os.ReadFile(file); string(text) != "old" {
		t.Errorf("the old file contains %.50q", text)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Logf("no links here: %v", err) // Windows, for most users
		link = file
	}
	if err := report.SaveJSON(link, nil, sample(1)); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(file); !strings.HasPrefix(string(text), "{") {
		t.Errorf("the file behind the link contains %.50q", text)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".tmp") {
			t.Errorf("%s is left", entry.Name())
		}
	}
	if info, err := os.Lstat(link); err != nil || (link != file && info.Mode().Type() != os.ModeSymlink) {
		t.Errorf("the link became %v, %v", info, err)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want error
	}{
		{`{"schema":1,"started":"2026-03-03T09:03:08Z","later":"an unknown field"}`, nil},
		{`{"schema":2,"started":"2026-03-03T09:03:08Z"}`, result.ErrSchema},
		{`{"started":"2026-03-03T09:03:08Z"}`, result.ErrNoReport},
		{`{"schema":1}`, result.ErrNoReport},
		{`{"schema":1,"started":"2026-03-03T09:03:08Z"} {}`, result.ErrNoReport},
		{`{"schema":1,"started":"2026-03-03T09:03:08Z"`, result.ErrNoReport},
		{`{"schema":1,"started":"2026-03-03T09:03:08Z","stats":{"total":{"response":{"p50_ms":"12"}}}}`, result.ErrNoReport},
		{``, result.ErrNoReport},
		{`<html>`, result.ErrNoReport},
	} {
		if _, err := result.Read(strings.NewReader(c.text)); !errors.Is(err, c.want) {
			t.Errorf("%s is read with %v, want %v", c.text, err, c.want)
		}
	}
}

// FuzzRead shows every report that can be read, in every format.
func FuzzRead(f *testing.F) {
	var text strings.Builder
	if err := result.Write(&text, nasty()); err != nil {
		f.Fatal(err)
	}
	f.Add(text.String())
	f.Add(`{"schema":1,"started":"2026-03-03T09:03:08Z","stats":{"series":[{"at":-1,"length":0,"wanted":1e308,"p50_ms":-5}],"histogram":[{"from_ms":5,"to_ms":-1,"count":-3}]}}`)
	f.Add(`{"schema":1,"started":"2026-03-03T09:03:08Z","capacity":{"points":[{"load":1e308,"p99_ms":1}]},"stats":{"duration":1e308,"series":[{"at":1e300,"length":1e-300,"requests":9}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := result.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		var out strings.Builder
		if err := errors.Join(report.WriteText(&out, r, report.TextOptions{Width: 1}), report.WriteHTML(&out, r)); err != nil {
			t.Error(err)
		}
		lines(r, now(1, 1))
		frames(r, now(1, 1), 80, 24)
	})
}
