package app

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stage is a lifecycle under test, with a record of what it did.
type stage struct {
	*lifecycle

	log     bytes.Buffer
	lost    []string
	mu      sync.Mutex
	stopped []string // parts, in the order in which they stopped
}

func newStage() *stage {
	s := new(stage)
	s.lifecycle = newLifecycle(slog.New(slog.NewTextHandler(&s.log, nil)), func(part string, err error) {
		s.lost = append(s.lost, part+": "+err.Error())
	})
	return s
}

// part registers a part that takes some time to stop, and then returns err.
func (s *stage) part(name string, bound, takes time.Duration, err error) *undo {
	return s.OnStop(name, bound, func(context.Context) error {
		time.Sleep(takes)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stopped = append(s.stopped, name)
		return err
	})
}

// hung registers a part that does not stop until the test ends.
func (s *stage) hung(t *testing.T, name string, bound time.Duration) *undo {
	t.Helper()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	return s.Optional(t.Context(), name, bound, func(context.Context) error { <-release; return nil })
}

// timed stops all parts, and returns how long that took.
func (s *stage) timed(t *testing.T) (time.Duration, error) {
	t.Helper()
	began := time.Now()
	err := s.Stop(t.Context())
	return time.Since(began), err
}

func TestPartsStopInReverseOrderAndOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		for _, name := range []string{"store", "monitoring", "seller", "server"} {
			s.part(name, time.Minute, time.Second, nil)
		}
		second := make(chan error)
		go func() {
			time.Sleep(time.Second)
			second <- s.Stop(t.Context())
		}()
		if took, err := s.timed(t); err != nil || took != 4*time.Second {
			t.Errorf("stopped after %s: %v", took, err)
		}
		if err := <-second; err != nil {
			t.Errorf("a second call returned %v", err)
		}
		if took, err := s.timed(t); err != nil || took != 0 {
			t.Errorf("a third call took %s: %v", took, err)
		}
		if want := []string{"server", "seller", "monitoring", "store"}; !slices.Equal(s.stopped, want) {
			t.Errorf("stopped %v, want %v", s.stopped, want)
		}
	})
}

func TestErrorsOfPartsAreJoined(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		first, last := errors.New("cannot close"), errors.New("cannot drain")
		s.part("store", time.Second, 0, first)
		s.part("seller", time.Second, 0, nil)
		s.part("server", time.Second, 0, last)
		_, err := s.timed(t)
		if !errors.Is(err, first) || !errors.Is(err, last) || err.Error() != "cannot drain\ncannot close" {
			t.Errorf("got %v", err)
		}
		if len(s.stopped) != 3 {
			t.Errorf("stopped only %v", s.stopped)
		}
	})
}

// TestAHangingPartUsesOnlyItsOwnBound: the parts that stop after it keep their time.
func TestAHangingPartUsesOnlyItsOwnBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.part("store", 10*time.Second, 9*time.Second, nil)
		s.hung(t, "crowd", 5*time.Second)
		s.part("server", 20*time.Second, 19*time.Second, nil)
		took, err := s.timed(t)
		if want := 33*time.Second + lastWord; took != want {
			t.Errorf("stopped after %s, want %s", took, want)
		}
		if err == nil || err.Error() != "crowd did not stop within 5s" {
			t.Errorf("got %v, want the part and its bound", err)
		}
		if want := []string{"server", "store"}; !slices.Equal(s.stopped, want) {
			t.Errorf("stopped %v, want %v", s.stopped, want)
		}
	})
}

// TestTheContextOfAPartEndsAfterItsBound: the error that the part then returns is better than
// the error that it did not stop.
func TestTheContextOfAPartEndsAfterItsBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		cut := errors.New("3 requests were cut off")
		s.OnStop("server", 5*time.Second, func(ctx context.Context) error { <-ctx.Done(); return cut })
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		err := s.Stop(ended)
		if took := time.Since(began); took != 5*time.Second || !errors.Is(err, cut) || strings.Contains(err.Error(), "did not stop") {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

// TestPartsThatStopEarlyTakeNoTimeLater: their bounds run in parallel to that of the server.
func TestPartsThatStopEarlyTakeNoTimeLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		early := []*undo{
			s.hung(t, "monitoring", 10*time.Second), s.hung(t, "load test", 5*time.Second), s.hung(t, "crowd", 5*time.Second),
			s.part("audit", 2*time.Second, time.Second, nil),
		}
		s.part("server", 20*time.Second, 15*time.Second, nil)
		s.OnStop("drain", time.Second, func(ctx context.Context) error {
			for _, part := range early {
				part.Begin(ctx)
			}
			return nil
		})
		took, err := s.timed(t)
		if took != 15*time.Second {
			t.Errorf("stopped after %s, want 15s", took)
		}
		if err == nil || strings.Count(err.Error(), "did not stop within") != 3 || strings.Contains(err.Error(), "audit") {
			t.Errorf("got %v", err)
		}
		if want := []string{"audit", "server"}; !slices.Equal(s.stopped, want) {
			t.Errorf("stopped %v, want %v", s.stopped, want)
		}
	})
}

func TestAnOptionalPartThatFailsDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run  func(context.Context) error
		lost string
	}{
		"fails":  {func(context.Context) error { return errors.New("no disk") }, "crowd: no disk"},
		"panics": {func(context.Context) error { panic("no disk") }, "crowd: crowd panicked: no disk"},
		"ends":   {func(context.Context) error { return nil }, ""},
		"fails when it stops": {func(ctx context.Context) error {
			<-ctx.Done()
			return errors.New("no disk")
		}, ""},
		"panics when it stops": {func(ctx context.Context) error { <-ctx.Done(); panic("no disk") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				s.Optional(t.Context(), "crowd", time.Second, c.run)
				synctest.Wait()
				select {
				case <-s.failed:
					t.Error("it counts as a failure of the process")
				default:
				}
				if lost := strings.Join(s.lost, "; "); lost != c.lost {
					t.Errorf("lost %q, want %q", lost, c.lost)
				}
				if took, err := s.timed(t); err != nil || took != 0 {
					t.Errorf("stopped after %s: %v", took, err)
				}
				if c.lost == "" && name != "ends" && !strings.Contains(s.log.String(), "no disk") {
					t.Errorf("logged %q", s.log.String())
				}
				if strings.HasPrefix(name, "panics") && !strings.Contains(s.log.String(), "lifecycle_test.go") {
					t.Errorf("no stack was logged: %q", s.log.String())
				}
			})
		})
	}
}

func TestAnEssentialPartThatFailsStopsTheProcess(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(context.Context) error{
		"fails":  func(context.Context) error { return errors.New("no disk") },
		"panics": func(context.Context) error { panic("no disk") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				s.part("store", time.Second, 0, nil)
				s.Essential(t.Context(), "preparation", time.Second, run)
				<-s.failed
				if _, err := s.timed(t); err == nil || strings.Count(err.Error(), "no disk") != 1 {
					t.Errorf("got %v, want the error once", err)
				}
				if len(s.stopped) != 1 {
					t.Error("the store was not closed")
				}
			})
		})
	}
}

func TestAStopThatPanicsIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.part("store", time.Second, 0, nil)
		s.OnStop("server", time.Second, func(context.Context) error { panic("no socket") })
		if _, err := s.timed(t); err == nil || err.Error() != "server panicked: no socket" {
			t.Errorf("got %v", err)
		}
		if len(s.stopped) != 1 {
			t.Error("the store was not closed")
		}
	})
}

// pipes is a listener for connections within the process, which work with virtual time.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.waiting:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return new(net.TCPAddr) }

// get requests a page and returns the status of the answer, or 0 if there is none.
func (p *pipes) get() int {
	mine, theirs := net.Pipe()
	defer mine.Close()
	p.waiting <- theirs
	if _, err := io.WriteString(mine, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return 0
	}
	answer, err := http.ReadResponse(bufio.NewReader(mine), nil)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// TestABuyerInFlightIsAnsweredWhilePartsHang: the server has its own bound. A request that
// takes longer loses its connection, so that the store can be closed.
func TestABuyerInFlightIsAnsweredWhilePartsHang(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		takes, stopped time.Duration
		status         int
	}{
		"within the bound": {14 * time.Second, 14 * time.Second, http.StatusOK},
		"too slow":         {time.Minute, 15 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				s.part("store", time.Second, 0, nil)
				crowd, monitoring := s.hung(t, "crowd", 5*time.Second), s.hung(t, "monitoring", 10*time.Second)
				listener := newPipes()
				s.Serve("http server", 15*time.Second, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					select {
					case <-time.After(c.takes):
					case <-r.Context().Done():
					}
				})}, listener)
				s.OnStop("drain", time.Second, func(ctx context.Context) error {
					crowd.Begin(ctx)
					monitoring.Begin(ctx)
					return nil
				})
				status := make(chan int, 1)
				go func() { status <- listener.get() }()
				synctest.Wait()
				took, err := s.timed(t)
				if got := <-status; got != c.status {
					t.Errorf("the buyer got status %d, want %d", got, c.status)
				}
				// Shutdown checks twice a second whether the last request has ended.
				if took < c.stopped || took > c.stopped+time.Second {
					t.Errorf("stopped after %s, want %s", took, c.stopped)
				}
				if cut := errors.Is(err, context.DeadlineExceeded); cut != (c.status == 0) || len(s.stopped) != 1 {
					t.Errorf("stopped %v: %v", s.stopped, err)
				}
			})
		})
	}
}

// TestAStopInWhichEveryPartHangsIsShort: Kubernetes kills a process after 30 s. The bounds
// of parts that stop early run in parallel.
func TestAStopInWhichEveryPartHangsIsShort(t *testing.T) {
	t.Parallel()
	o := DefaultOptions()
	untilSold := o.DrainDelay + o.ShutdownTimeout + sellerLimit + 2*lastWord
	early := max(prepareStop, crowdLimit, stressLimit, monitoringLimit, backgroundLimit) + lastWord
	rest := machineLimit + storeLimit + 2*closeLimit + 4*lastWord
	if all := max(untilSold, early) + rest; all > 30*time.Second {
		t.Errorf("it takes %s, want at most 30s", all)
	}
	if all := early + rest; all > 17*time.Second {
		t.Errorf("it takes %s if buyers are served immediately; docs/architecture.md says 17s", all)
	}
	if more := untilSold + rest - o.DrainDelay - o.ShutdownTimeout; more > 14*time.Second {
		t.Errorf("it takes %s more than requests get; docs/architecture.md says 14s", more)
	}
}
