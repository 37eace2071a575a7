package wire_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"onsale/internal/stress/wire"
)

// A request allocates nothing once the client has its buffer. This and the next tests
// measure the memory of the process, so they do not run in parallel with others.
func TestNoAllocations(t *testing.T) {
	target := parse(t, child(t, asServer+"=1"))
	for path, status := range map[string]int{"/buy/1": 200, "/long": 200} {
		c := client(t, target, wire.Options{})
		r := post(path, `{"user_email":"testuser_1@example.com","quantity":1}`)
		r.Header = []wire.Field{{Name: "Content-Type", Value: "application/json"}}
		ctx := t.Context()
		got := testing.AllocsPerRun(500, func() {
			if got, err := c.Do(ctx, r); err != nil || got.Status != status {
				t.Fatal(got, err)
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations a request", path, got)
		}
	}
}

// inUse returns the memory of heap and stacks, in bytes.
func inUse() int64 {
	// The second collection frees what the first one moved to the victim caches of the
	// pools.
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// waitingBytes is the maximum memory of a waiting user: for 10,000 users, a tenth of
// the 400 MB that they may take in all.
const waitingBytes = 10 << 10

// A waiting user takes little memory: connection, client, and the stack of its
// goroutine.
func TestWaitingTakesLittle(t *testing.T) {
	const users = 1000
	target := parse(t, child(t, asServer+"=1"))
	before := inUse()
	var asked, all sync.WaitGroup
	leave := make(chan struct{})
	for range users {
		asked.Add(1)
		all.Go(func() {
			c := wire.New(target, wire.Options{})
			defer c.Close()
			_, err := c.Do(t.Context(), get("/long"))
			c.Release()
			asked.Done()
			if err != nil {
				t.Error(err)
			}
			<-leave
		})
	}
	asked.Wait()
	each := (inUse() - before) / users
	close(leave)
	all.Wait()
	t.Logf("%d bytes a user", each)
	if each > waitingBytes {
		t.Errorf("%d bytes a user, want at most %d", each, waitingBytes)
	}
}

// Requests leave nothing behind, whether they are answered or not.
func TestMemoryStaysFlat(t *testing.T) {
	target := parse(t, child(t, asServer+"=1"))
	nasty := listen(t, func(_ *server, p *peer) {
		switch p.request(); p.nth % 3 {
		case 0:
			p.say("what?")
		case 1:
			p.reset()
		case 2:
			p.wait()
		}
	})
	good, bad := client(t, target, wire.Options{}), client(t, nasty.target, wire.Options{Timeout: time.Millisecond})
	work := func(times int) {
		for i := range times {
			ctx, cancel := context.WithCancel(t.Context())
			if _, err := good.Do(ctx, get(map[bool]string{true: "/long", false: "/"}[i%2 == 0])); err != nil {
				t.Fatal(err)
			}
			if _, err := bad.Do(ctx, get("/")); err == nil {
				t.Fatal("an invalid answer was accepted")
			}
			if i%10 == 0 {
				good.Release()
			}
			cancel()
		}
	}
	work(200)
	before := inUse()
	work(1000)
	const most = 256 << 10
	// The goroutines of the nasty server end a while after their clients. A leak stays.
	grown := inUse() - before
	for until := time.Now().Add(10 * time.Second); grown > most && time.Now().Before(until); grown = inUse() - before {
		time.Sleep(50 * time.Millisecond)
	}
	if grown > most {
		t.Errorf("memory has grown by %d bytes, want at most %d", grown, most)
	}
}

// BenchmarkDo runs 64 users against a server on the same machine.
func BenchmarkDo(b *testing.B) {
	target := parse(b, child(b, asServer+"=1"))
	r := post("/buy/1", `{"user_email":"testuser_1@example.com","quantity":1}`)
	b.ReportAllocs()
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		c := wire.New(target, wire.Options{})
		defer c.Close()
		for pb.Next() {
			if _, err := c.Do(b.Context(), r); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
