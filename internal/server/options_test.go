package server_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/fault"
	"onsale/internal/item"
	"onsale/internal/server"
	"onsale/internal/telemetry"
)

// The error names a missing or invalid option, and does not show a secret.
func TestOptions(t *testing.T) {
	t.Parallel()
	good := func() server.Options {
		m, reg := newMemory(), prometheus.NewRegistry()
		o := server.DefaultOptions()
		o.Ledger, o.Seller, o.Replicas, o.Registerer = m, m, m, reg
		o.Items, o.Tokens = newShelf(), item.NewIssuer(time.Hour, time.Now)
		o.Faults = fault.NewInjector(fault.Options{})
		o.Logger = slog.New(slog.DiscardHandler)
		o.Metrics = telemetry.Handler(reg, o.Logger)
		return o
	}
	if _, err := server.New(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*server.Options){
		"Ledger":         func(o *server.Options) { o.Ledger = nil },
		"Seller":         func(o *server.Options) { o.Seller = nil },
		"Items":          func(o *server.Options) { o.Items = nil },
		"Tokens":         func(o *server.Options) { o.Tokens = nil },
		"MaxUserLabels":  func(o *server.Options) { o.MaxUserLabels = -1 },
		"Faults":         func(o *server.Options) { o.Faults = nil },
		"Replicas":       func(o *server.Options) { o.Replicas = nil },
		"Metrics":        func(o *server.Options) { o.Metrics = nil },
		"Registerer":     func(o *server.Options) { o.Registerer = nil },
		"Logger":         func(o *server.Options) { o.Logger = nil },
		"Version":        func(o *server.Options) { o.Version = "" },
		"Now":            func(o *server.Options) { o.Now = nil },
		"MaxPerPurchase": func(o *server.Options) { o.MaxPerPurchase = 0 },
		"AdminToken":     func(o *server.Options) { o.AdminToken = "hunter2 and a space" },
	} {
		o := good()
		change(&o)
		_, err := server.New(o)
		if err == nil || !strings.Contains(err.Error(), name+" must ") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
