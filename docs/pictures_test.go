//go:build pictures

package docs_test

import (
	"bytes"
	"cmp"
	"context"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"onsale/internal/chrometest"
)

// maxPicture is the maximum size of a picture, in bytes, because the repository keeps each version.
const maxPicture = 250_000

// TestPictures retakes the pictures in docs/tutorials/stress-and-dashboards.md, of the real page under real
// load. `make pictures` runs it, which takes five minutes; the machine should do nothing else.
func TestPictures(t *testing.T) {
	s := storm(t)
	tab := chrometest.New(t)
	tab.LooksLike("", "light", 1280, 1080)
	tab.Do(chromedp.Navigate(s.address))

	s.stress("-u", "100", "-r", "20", "-t", "40s") // so that the charts have a past
	steady := s.start("-u", "400", "-r", "20", "-t", "70s")
	s.pass(50 * time.Second)
	take(t, tab, "storm")
	s.wait(steady)

	s.stress("-u", "50", "-r", "50", "-t", "30s")
	rush := s.start("--scenario", "rush", "-u", "600", "-r", "600", "-t", "60s", "--prepare")
	s.fires("ConcertSoldOut")
	s.pass(15 * time.Second)
	take(t, tab, "sold-out")
	s.wait(rush)

	s.stress("-u", "50", "-r", "50", "-t", "40s")
	report := filepath.Join(t.TempDir(), "report.html")
	slow := s.start("-u", "300", "-r", "60", "-t", "70s", "--html", report, "--fail-if", "p95>10s")
	s.pass(25 * time.Second)
	s.patch(`{"database":{"delay":{"lognormal":{"median":"700ms","p99":"2s"}},"for":"30s"}}`)
	s.fires("DatabaseSlow")
	s.pass(10 * time.Second)
	take(t, tab, "slow-database")
	s.wait(slow)
	tab.Do(chromedp.Navigate("file://" + report))
	take(t, tab, "report")
}

// A server is a running `onsale up`.
type server struct {
	t       *testing.T
	address string
	dir     string
}

func storm(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir()}
	// The pictures must not show alerts about the machine.
	up := exec.CommandContext(t.Context(), "../bin/onsale", "up", "--listen", "127.0.0.1:0", "--data-dir", s.dir,
		"--alert-cpu-percent", "100", "--alert-memory-percent", "100")
	up.Cancel = func() error { return up.Process.Signal(os.Interrupt) }
	said, err := up.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := up.Start(); err != nil {
		t.Fatalf("%v: run make build", err)
	}
	t.Cleanup(func() { _ = up.Wait() })
	ready := make(chan string, 1)
	go func() {
		var log []byte
		buffer := make([]byte, 4096)
		for {
			n, err := said.Read(buffer)
			log = append(log, buffer[:n]...)
			if found := regexp.MustCompile(`ready on (http://\S+)\n`).FindSubmatch(log); found != nil {
				ready <- string(found[1])
				_, _ = io.Copy(io.Discard, said)
				return
			}
			if err != nil {
				ready <- ""
				return
			}
		}
	}()
	if s.address = <-ready; s.address == "" {
		t.Fatal("onsale up has ended")
	}
	return s
}

// start starts a load test.
func (s *server) start(args ...string) *exec.Cmd {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "../bin/onsale",
		append([]string{"stress", "--host", s.address, "--data-dir", s.dir}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("%v\n%s", cmd.Args, out.String())
		}
	})
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return cmd
}

func (s *server) wait(cmd *exec.Cmd) {
	s.t.Helper()
	if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 1 && cmd.ProcessState.ExitCode() != 3 {
		s.t.Fatalf("%v: %v", cmd.Args, err)
	}
}

func (s *server) stress(args ...string) {
	s.t.Helper()
	s.wait(s.start(args...))
}

// pass lets time pass, for the charts to draw.
func (s *server) pass(d time.Duration) {
	s.t.Helper()
	select {
	case <-time.After(d):
	case <-s.t.Context().Done():
	}
}

// fires waits until a message of the alert is in the inbox.
func (s *server) fires(alert string) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); s.pass(500 * time.Millisecond) {
		if strings.Contains(s.call(http.MethodGet, "/inbox", ""), alert) {
			return
		}
	}
	s.t.Fatalf("no message of %s in a minute", alert)
}

func (s *server) patch(plan string) {
	s.t.Helper()
	s.call(http.MethodPatch, "/faults", plan)
}

func (s *server) call(method, path, body string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, s.address+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := new(http.Client).Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s %s: %s %s %v", method, path, answer.Status, text, err)
	}
	return string(text)
}

// take writes a picture of what the window shows, in 256 colours.
func take(t *testing.T, tab *chrometest.Tab, name string) {
	t.Helper()
	shot, err := chromedp.Run(tab.Context(), chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	picture, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&small, paletted(picture)); err != nil {
		t.Fatal(err)
	}
	if small.Len() > maxPicture {
		t.Errorf("%s has %d bytes, want %d or less", name, small.Len(), maxPicture)
	}
	if err := os.WriteFile(filepath.Join("tutorials", name+".png"), small.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// paletted returns a picture in its 256 most frequent colours: a page has few, and the edges of letters many.
func paletted(from image.Image) *image.Paletted {
	count := make(map[color.RGBA]int)
	bounds := from.Bounds()
	at := func(x, y int) color.RGBA { return color.RGBAModel.Convert(from.At(x, y)).(color.RGBA) }
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	var colors []color.RGBA
	for c := range count {
		colors = append(colors, c)
	}
	slices.SortFunc(colors, func(a, b color.RGBA) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	var palette color.Palette
	for _, c := range colors[:min(256, len(colors))] {
		palette = append(palette, c)
	}
	to := image.NewPaletted(bounds, palette)
	nearest := make(map[color.RGBA]uint8, len(colors))
	for _, c := range colors {
		nearest[c] = uint8(palette.Index(c))
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			to.SetColorIndex(x, y, nearest[at(x, y)])
		}
	}
	return to
}
