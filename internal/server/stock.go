package server

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"onsale/internal/sale"
)

// Limits of the metrics of concerts.
const (
	// maxStockSeries is how many of the newest concerts have their own series. The
	// others are added up, because the number of concerts is unlimited.
	maxStockSeries = 50
	// stockMaxAge is the maximum age of the scraped stock. stockWait is how long a
	// scrape waits for a newer one.
	stockMaxAge = 5 * time.Second
	stockWait   = 500 * time.Millisecond
)

// stock is the collector of the concerts' stock. It reads the same snapshot as
// buyers, so that scrapes put almost no load on the database.
type stock struct {
	concerts *listing

	sold, capacity, states *prometheus.Desc
}

func newStock(concerts *listing) *stock {
	return &stock{
		concerts: concerts,
		sold: prometheus.NewDesc("onsale_concert_tickets_sold",
			"Tickets sold of each of the newest concerts; concert=\"other\" is the sum of the others. All replicas report the same: aggregate by max.",
			[]string{"concert"}, nil),
		capacity: prometheus.NewDesc("onsale_concert_capacity_tickets",
			"Capacity in tickets of each of the newest concerts; concert=\"other\" is the sum of the others. All replicas report the same: aggregate by max.",
			[]string{"concert"}, nil),
		states: prometheus.NewDesc("onsale_concerts",
			"Number of concerts that are on sale or sold out. All replicas report the same: aggregate by max.",
			[]string{"state"}, nil),
	}
}

// Describe sends the descriptions of the metrics.
func (s *stock) Describe(out chan<- *prometheus.Desc) {
	out <- s.sold
	out <- s.capacity
	out <- s.states
}

// Collect sends the stock, or nothing while it is unknown.
func (s *stock) Collect(out chan<- prometheus.Metric) {
	now, _, err := s.concerts.get(context.Background(), stockMaxAge, stockWait)
	if err != nil {
		return
	}
	soldOut := 0
	for _, c := range now.concerts {
		if c.Available() <= 0 {
			soldOut++
		}
	}
	gauge(out, s.states, float64(len(now.concerts)-soldOut), "on_sale")
	gauge(out, s.states, float64(soldOut), "sold_out")

	older := max(0, len(now.concerts)-maxStockSeries)
	if older > 0 {
		var rest sale.Concert
		for _, c := range now.concerts[:older] {
			rest.Sold += c.Sold
			rest.Capacity += c.Capacity
		}
		s.send(out, rest, "other")
	}
	for _, c := range now.concerts[older:] {
		s.send(out, c, strconv.FormatInt(c.ID, 10))
	}
}

// send sends the stock of one concert, or the sum of several.
func (s *stock) send(out chan<- prometheus.Metric, c sale.Concert, label string) {
	gauge(out, s.sold, float64(c.Sold), label)
	gauge(out, s.capacity, float64(c.Capacity), label)
}

// gauge sends a value with its label.
func gauge(out chan<- prometheus.Metric, desc *prometheus.Desc, value float64, label string) {
	out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, label)
}
