package app

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

func TestLimitListener(t *testing.T) {
	t.Parallel()
	below, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLimitListener(below, 2)
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- conn
		}
	}()
	for range 3 {
		client, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
	}
	first, second := <-accepted, <-accepted
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	select {
	case <-accepted:
		t.Fatal("a third client got in")
	case <-ctx.Done():
	}
	_ = first.Close()
	_ = first.Close() // gives back one place, not two
	third := <-accepted
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept ended with %v", err)
	}
	if c, ok := second.(interface{ NetConn() net.Conn }); !ok || c.NetConn() == nil {
		t.Error("the connection below cannot be reached")
	}
	_, _ = second.Close(), third.Close()
}
