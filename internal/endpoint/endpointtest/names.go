// Package endpointtest has a DNS server and URLs with secrets for tests. The server listens on
// loopback, and forwards no queries.
package endpointtest

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Zone maps names to addresses. It is safe for concurrent use.
type Zone struct {
	mu    sync.Mutex
	names map[string][]string
}

// NewZone returns a zone with these names and addresses. Names have no dot at the end.
func NewZone(names map[string][]string) *Zone {
	z := &Zone{names: make(map[string][]string)}
	for name, addresses := range names {
		z.Set(name, addresses...)
	}
	return z
}

// Set replaces the addresses of a name.
func (z *Zone) Set(name string, addresses ...string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.names[name] = addresses
}

func (z *Zone) get(name string) ([]string, bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	addresses, ok := z.names[strings.ToLower(strings.TrimSuffix(name, "."))]
	return addresses, ok
}

// Names returns a resolver for these names.
func Names(tb testing.TB, names map[string][]string) *net.Resolver {
	tb.Helper()
	return NewZone(names).Resolver(tb)
}

// Resolver returns a resolver that uses only the zone and the hosts file of this machine. Look
// up a name without a dot in it with a dot at the end.
func (z *Zone) Resolver(tb testing.TB) *net.Resolver {
	tb.Helper()
	server, err := (&net.ListenConfig{}).ListenPacket(tb.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		z.serve(server)
	}()
	var asking sync.Map // connections of look-ups, which can outlive the look-up
	tb.Cleanup(func() {
		_ = server.Close() // ends serve
		<-ended
		for c := range asking.Range {
			_ = c.(net.Conn).Close()
		}
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
		if err == nil {
			asking.Store(c, nil)
		}
		return c, err
	}}
}

// serve answers queries until the socket is closed.
func (z *Zone) serve(server net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := server.ReadFrom(buf)
		if err != nil {
			return
		}
		var question dnsmessage.Message
		if question.Unpack(buf[:n]) != nil || len(question.Questions) != 1 {
			continue
		}
		if answer, err := z.answer(question).Pack(); err == nil {
			_, _ = server.WriteTo(answer, from) // the client retries a lost answer
		}
	}
}

func (z *Zone) answer(m dnsmessage.Message) *dnsmessage.Message {
	q := m.Questions[0]
	m.Response, m.Authoritative, m.RecursionAvailable, m.Additionals = true, true, true, nil
	addresses, known := z.get(q.Name.String())
	if !known {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, text := range addresses {
		a := netip.MustParseAddr(text)
		head := dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: a.As4()}})
		case !a.Is4() && q.Type == dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: a.As16()}})
		}
	}
	return &m
}
