//go:build world && linux

// Package image_test runs the container image in a real Docker Engine. `make image-test` runs it with
// bin/onsale in it, and `make world-test` builds it from the source.
package image_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"onsale/internal/client"
	"onsale/internal/dockertest"
	"onsale/internal/pgtest"
	"onsale/internal/sale"
)

const (
	// root is the top of the repository.
	root = "../.."
	// token opens the admin calls.
	token = "the-admins-token"
	// maxCompressed limits the image as a registry keeps it, in bytes.
	maxCompressed = 30_000_000
	// stopLimit is the time limit of a stop, as the documents advise.
	stopLimit = 30 * time.Second
)

// TestImage runs bin/onsale in containers, as docs/image.md does.
func TestImage(t *testing.T) {
	e := dockertest.Start(t)
	image := e.Name("prebuilt")
	e.Docker(t, "build", "--target", "prebuilt", "--tag", image,
		"--build-arg", "VERSION=v1.2.3", "--build-arg", "COMMIT=0123abc", "--build-arg", "DATE=2026-11-28T10:12:04Z", root)
	e.Remove(t, "image", image)

	t.Run("sells, stops and remembers", func(t *testing.T) { testSale(t, e, image) })
	t.Run("writes nothing with PostgreSQL", func(t *testing.T) { testPostgreSQL(t, e, image) })
	t.Run("watches itself", func(t *testing.T) { testUp(t, e, image) })
	t.Run("watches another", func(t *testing.T) { testMonitor(t, e, image) })
	t.Run("says what it is", func(t *testing.T) { testConfig(t, e, image) })
	t.Run("holds nothing else", func(t *testing.T) { testContent(t, e, image) })
	t.Run("is small", func(t *testing.T) { testSize(t, e, image) })
}

// testSale buys a ticket over a published port, and reads the receipt after a stop and a start.
func testSale(t *testing.T, e *dockertest.Engine, image string) {
	t.Helper()
	c := run(t, e, image, []string{"--publish", "127.0.0.1::8000", "--env", "ONSALE_ADMIN_TOKEN=" + token, "--env", "ONSALE_FAULTS=off"})
	c.await("healthy")
	bought := buy(t, c.url())

	began := time.Now()
	e.Docker(t, "stop", "-t", "60", c.id)
	if took, code := time.Since(began), c.inspect("{{.State.ExitCode}}"); took > stopLimit || code != "0" {
		t.Errorf("SIGTERM ended it after %s with exit code %s, want 0 within %s", took, code, stopLimit)
	}
	e.Docker(t, "start", c.id)
	c.await("healthy")
	if kept, err := connect(t, c.url()).Purchase(t.Context(), bought.ID); err != nil || kept.Quantity != bought.Quantity {
		t.Errorf("after a stop and a start the purchase is %+v, %v, want %+v", kept, err, bought)
	}
}

// testPostgreSQL sells with a data directory that cannot be written. The container's health follows the database.
func testPostgreSQL(t *testing.T, e *dockertest.Engine, image string) {
	t.Helper()
	pg := pgtest.Start(t)
	address := freeAddress(t)
	c := run(t, e, image, []string{
		"--network", "host", "--volume", t.TempDir() + ":/data:ro", "--health-retries", "1",
		"--env", "DATABASE_URL=" + pg.Database(t), "--env", "ONSALE_LISTEN=" + address,
		"--env", "ONSALE_ADMIN_TOKEN=" + token, "--env", "ONSALE_FAULTS=off",
	})
	c.await("healthy")
	buy(t, "http://"+address)

	if err := pg.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	c.await("unhealthy")
	if out, err := e.Run(t.Context(), "exec", c.id, "/onsale", "health"); err != nil {
		t.Errorf("the server lives without its database, but: %v", err)
	} else if want := "http://" + address + "/health: 200 OK\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	c.await("healthy")
}

// testUp checks that the embedded Prometheus scrapes.
func testUp(t *testing.T, e *dockertest.Engine, image string) {
	t.Helper()
	c := run(t, e, image, []string{"--publish", "127.0.0.1::8000", "--env", "ONSALE_ADMIN_TOKEN=" + token}, "up", "--crowd", "2")
	c.await("healthy")
	query := c.url() + "/api/v1/query?" + url.Values{"query": {`count(onsale_build_info * on (job, instance) up == 1)`}}.Encode()
	poll(t, "a scrape", func() bool {
		answer, err := http.Get(query)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		return err == nil && strings.Contains(string(body), `,"1"]`)
	})
}

// testMonitor runs the monitoring alone, with a configuration that names a time zone: the image has no
// time zone files.
func testMonitor(t *testing.T, e *dockertest.Engine, image string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "alertmanager.yml")
	if err := os.WriteFile(config, []byte(`
route: {receiver: nobody, routes: [{receiver: nobody, mute_time_intervals: [night]}]}
receivers: [{name: nobody}]
time_intervals: [{name: night, time_intervals: [{times: [{start_time: "00:00", end_time: "06:00"}], location: Asia/Kathmandu}]}]
`), 0o644); err != nil {
		t.Fatal(err)
	}
	c := run(t, e, image, []string{"--volume", config + ":/alertmanager.yml:ro"},
		"monitor", "--target", "127.0.0.1:1", "--alertmanager-config", "/alertmanager.yml")
	c.await("healthy")
}

// testConfig reads the configuration of the image.
func testConfig(t *testing.T, e *dockertest.Engine, image string) {
	t.Helper()
	var config struct {
		User            string
		Env, Entrypoint []string
		Cmd             []string
		Volumes         map[string]any
		ExposedPorts    map[string]any
		Labels          map[string]string
	}
	if err := json.Unmarshal([]byte(e.Docker(t, "image", "inspect", "--format", "{{json .Config}}", image)), &config); err != nil {
		t.Fatal(err)
	}
	// Kubernetes only accepts a numeric user as not root.
	if config.User != "65532:65532" {
		t.Errorf("it runs as %q, want the user and group 65532", config.User)
	}
	for _, want := range []string{"ONSALE_LISTEN=:8000", "ONSALE_DATA_DIR=/data"} {
		if !slices.Contains(config.Env, want) {
			t.Errorf("the environment is %q, want %s in it", config.Env, want)
		}
	}
	if !slices.Equal(config.Entrypoint, []string{"/onsale"}) || !slices.Equal(config.Cmd, []string{"serve"}) {
		t.Errorf("it starts %q %q", config.Entrypoint, config.Cmd)
	}
	if config.Volumes["/data"] == nil || config.ExposedPorts["8000/tcp"] == nil {
		t.Errorf("volumes %v and ports %v, want /data and 8000/tcp", config.Volumes, config.ExposedPorts)
	}
	for label, want := range map[string]string{
		"title": "Onsale", "licenses": "Apache-2.0", "version": "v1.2.3", "revision": "0123abc", "created": "2026-11-28T10:12:04Z",
	} {
		if got := config.Labels["org.opencontainers.image."+label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
	for _, part := range []string{"version", "commit", "date"} {
		want := command(t, root, nil, "bash", "scripts/version.sh", part)
		if said := e.Docker(t, "run", "--rm", image, "version"); !strings.Contains(said, want) {
			t.Errorf("onsale version says %q, without the %s %s", said, part, want)
		}
	}
}

// testContent lists the files of the image: no shell, nobody else's program, nothing of the work tree.
func testContent(t *testing.T, e *dockertest.Engine, image string) {
	t.Helper()
	files := make(map[string]*tar.Header)
	for header := range entries(t, e, image) {
		top, _, _ := strings.Cut(header.Name, "/")
		if !slices.Contains([]string{".dockerenv", "dev", "etc", "proc", "sys"}, top) { // Docker's own
			files[header.Name] = header
		}
	}
	for name := range files {
		if !slices.Contains([]string{"onsale", "data/", "LICENSE"}, name) {
			t.Errorf("the image has %s", name)
		}
	}
	if data := files["data/"]; data == nil || data.Uid != 65532 || data.Gid != 65532 || data.Mode&0o700 != 0o700 {
		t.Errorf("/data is %+v, want a directory that 65532 may write to", data)
	}
	if onsale := files["onsale"]; onsale == nil || onsale.Uid != 0 || onsale.Mode&0o777 != 0o755 {
		t.Errorf("/onsale is %+v, want a program that only root may change", onsale)
	}
}

// testSize compresses the image as a registry does.
func testSize(t *testing.T, e *dockertest.Engine, image string) {
	t.Helper()
	save := e.Command(t.Context(), "save", image)
	out, err := save.StdoutPipe()
	if err == nil {
		err = save.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var size counter
	compressed := gzip.NewWriter(&size)
	_, err = io.Copy(compressed, out)
	if err := errors.Join(err, compressed.Close(), save.Wait()); err != nil {
		t.Fatal(err)
	}
	t.Logf("the image takes %.1f MB, compressed", float64(size)/1e6)
	if size < 1e6 || size > maxCompressed {
		t.Errorf("the image takes %d bytes, compressed; want at most %d", size, maxCompressed)
	}
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// connect returns a client of a server.
func connect(t *testing.T, url string) *client.Client {
	t.Helper()
	c, err := client.New(url, client.Options{Transport: new(http.Transport), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// buy puts a concert on sale, buys two tickets of it, and compares the books.
func buy(t *testing.T, url string) sale.Purchase {
	t.Helper()
	c := connect(t, url)
	concert, err := c.CreateConcert(t.Context(), sale.NewConcert{Title: "Opening night", Date: "2027-06-01", Venue: "Town hall", Capacity: 10})
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := c.Buy(t.Context(), client.BuyRequest{ConcertID: concert.ID, Email: "ada@example.com", Quantity: 2})
	if err != nil || outcome.Status != sale.Sold {
		t.Fatalf("the purchase: %+v, %v", outcome, err)
	}
	books, err := c.Books(t.Context())
	if err != nil || len(books.Concerts) != 1 || books.Concerts[0].Sold != 2 || books.Concerts[0].Purchased != 2 {
		t.Errorf("the books are %+v, %v, want 2 tickets sold and purchased", books, err)
	}
	return outcome.Purchase
}

// freeAddress returns an address of loopback that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
