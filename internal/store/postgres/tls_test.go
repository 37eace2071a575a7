package postgres_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"onsale/internal/sale"
	"onsale/internal/store/postgres"
	"onsale/internal/store/transport"
	"onsale/internal/store/transport/transporttest"
)

// TestUntrustedCertificate expects a permanent error.
func TestUntrustedCertificate(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 8) // SSLRequest
			_, _ = io.ReadFull(conn, request)
			_, _ = conn.Write([]byte("S"))
			server := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}})
			_ = server.HandshakeContext(t.Context())
			_ = conn.Close()
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	store := open(t, "postgres://u@localhost:"+port+"/db?sslmode=verify-full", postgres.Options{})
	err = store.Migrate(t.Context())
	if err == nil || errors.Is(err, sale.ErrUnavailable) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want a permanent error about the certificate", err)
	}
}

// TestPasswordIsNotSentInPlainText opens a database at a public address without TLS,
// with every kind of connection that the store makes.
func TestPasswordIsNotSentInPlainText(t *testing.T) {
	t.Parallel()
	const url = "postgres://ada:s3cr3t@db.example.com/sale"
	server := transporttest.Start(t)
	store, err := postgres.OpenWith(t.Context(), url, postgres.Options{}, func(config *pgconn.Config) {
		server.Pretend(config, "203.0.113.7")
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	for name, call := range map[string]func() error{
		"migrate": func() error { return store.Migrate(t.Context()) },
		"check":   func() error { return store.CheckSchema(t.Context()) },
		"ping":    func() error { return store.Ping(t.Context()) },
		"sell": func() error {
			_, err := store.Sell(t.Context(), sale.Batch{Orders: []sale.Order{{ConcertID: 1, Quantity: 1}}})
			return err
		},
	} {
		err := call()
		if !errors.Is(err, transport.ErrNoTLS) || errors.Is(err, sale.ErrUnavailable) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want a permanent error about missing TLS", name, err)
		}
	}
	if received := server.Received(); received != "" {
		t.Errorf("the server read %q", received)
	}
}
