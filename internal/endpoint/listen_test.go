package endpoint_test

import (
	"net"
	"testing"

	"onsale/internal/endpoint"
)

// TestLocalURL covers the addresses that a test cannot listen on everywhere.
func TestLocalURL(t *testing.T) {
	t.Parallel()
	for want, addr := range map[string]net.TCPAddr{
		"http://127.0.0.1:8000":        {IP: net.IPv6zero, Port: 8000},
		"http://127.0.0.1:8001":        {IP: net.IPv4zero, Port: 8001},
		"http://[::1]:8002":            {IP: net.IPv6loopback, Port: 8002},
		"http://192.0.2.7:8003":        {IP: net.ParseIP("192.0.2.7"), Port: 8003},
		"http://[2001:db8::7]:8004":    {IP: net.ParseIP("2001:db8::7"), Port: 8004},
		"http://[fe80::1%25eth0]:8005": {IP: net.ParseIP("fe80::1"), Port: 8005, Zone: "eth0"},
	} {
		if got := endpoint.LocalURL(&addr); got != want {
			t.Errorf("%s is shown as %s, want %s", &addr, got, want)
		}
	}
}
