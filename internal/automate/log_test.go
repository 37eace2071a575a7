package automate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"onsale/internal/automate"
)

var oneCall = automate.Call{
	Time: time.Date(2027, 1, 2, 3, 4, 5, 6000, time.UTC), User: "automate-1", Method: "DELETE", Path: "/api/items/x",
	Status: 500, Error: "injected", Message: "the disk is full", Attempt: 2, Duration: 1234567 * time.Nanosecond,
}

func TestLogIsALineOfJSONForEachCall(t *testing.T) {
	t.Parallel()
	var w bytes.Buffer
	l := automate.NewLog(&w)
	l.Record(oneCall)
	l.Record(automate.Call{Time: oneCall.Time, User: `"<&>`, Status: 200, Attempt: 1})
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(w.String(), "\n")
	want := `{"time":"2027-01-02T03:04:05.000006Z","user":"automate-1","method":"DELETE","path":"/api/items/x",` +
		`"status":500,"error":"injected","message":"the disk is full","attempt":2,"duration_ms":1.235}`
	if first != want {
		t.Errorf("got  %s\nwant %s", first, want)
	}
	var second map[string]any
	if err := json.Unmarshal([]byte(rest), &second); err != nil || second["user"] != `"<&>` || second["error"] != nil {
		t.Errorf("second line %s: %v", rest, err)
	}
	if written, lost := l.Counts(); written != 2 || lost != 0 {
		t.Errorf("%d written, %d lost", written, lost)
	}
}

// disk is a file on a disk with a limited number of free bytes.
type disk struct {
	bytes.Buffer

	room int
}

func (d *disk) Write(p []byte) (int, error) {
	if len(p) <= d.room {
		d.room -= len(p)
		return d.Buffer.Write(p)
	}
	n, _ := d.Buffer.Write(p[:d.room])
	d.room = 0
	return n, syscall.ENOSPC
}

func TestLogSurvivesAFullDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &disk{room: 1000}
		l := automate.NewLog(d)
		for range 100 {
			l.Record(oneCall)
		}
		synctest.Wait()
		d.room = 1 << 20 // space is available again
		for range 10 {
			l.Record(oneCall)
		}
		err := l.Close(t.Context())
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("error %v, want that the disk is full", err)
		}
		written, lost := l.Counts()
		whole := int64(0)
		for line := range strings.Lines(d.String()) {
			if json.Valid([]byte(line)) {
				whole++
			}
		}
		if written+lost != 110 || written != whole || written < 14 || written > 20 {
			t.Errorf("%d written, %d lost, %d complete lines", written, lost, whole)
		}
	})
}

// stuck is a writer that blocks until it is released.
type stuck struct{ release chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.release
	return len(p), nil
}

func TestBlockedLogDoesNotDelayTheRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := stuck{make(chan struct{})}
		defer close(w.release)
		o := options()
		log := automate.NewLog(w)
		o.Count, o.Recorder = 6_000, log
		begin := time.Now()
		sum := run(t, newFake(nil), o)
		// 12,001 calls at 1,000 per second, and the wait for the writer at the end.
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("it took %s", took)
		}
		if sum.Created != 6_000 || sum.Lost != sum.Calls || sum.Recorded != 0 || !errors.Is(sum.RecordError, automate.ErrNoRoom) {
			t.Errorf("%d created, %d calls, %d lost, %d recorded: %v", sum.Created, sum.Calls, sum.Lost, sum.Recorded, sum.RecordError)
		}
	})
}

// TestConcurrentRecords is for the race detector.
func TestConcurrentRecords(t *testing.T) {
	t.Parallel()
	var w bytes.Buffer
	l := automate.NewLog(&w)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				l.Record(oneCall)
			}
		})
	}
	all.Wait()
	if err := l.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
	if n := strings.Count(w.String(), "\n"); n != 4000 {
		t.Errorf("%d lines", n)
	}
}
