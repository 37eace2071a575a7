package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestSeriesExistFromTheStart: a new server exports the series of alerts and dashboards with
// the value 0. Otherwise, the first event would not be an increase.
func TestSeriesExistFromTheStart(t *testing.T) {
	t.Parallel()
	p := serve(t, nil, dataDir(t), "--faults", "off")
	c := newClient()
	defer c.CloseIdleConnections()
	status, body := call(t.Context(), c, http.MethodGet, p.url()+"/metrics", "")
	if status != http.StatusOK {
		t.Fatalf("/metrics answered %d", status)
	}
	text := string(body)
	for _, series := range []string{
		`http_requests_total{endpoint="/buy/{concert_id}",method="POST",status="200"} 0`,
		`http_requests_total{endpoint="/concerts",method="GET",status="200"} 0`,
		`request_duration_seconds_count `,
		`onsale_request_duration_seconds_count{endpoint="/buy_random_deny/{concert_id}",method="POST"} 0`,
		`memory_usage_percent `,
		`onsale_purchases_total{outcome="sold"} 0`,
		`onsale_purchases_total{outcome="replayed"} 0`,
		`onsale_purchases_total{outcome="sold_out"} 0`,
		`onsale_purchases_total{outcome="denied"} 0`,
		`onsale_purchases_total{outcome="not_found"} 0`,
		`onsale_purchases_total{outcome="invalid"} 0`,
		`onsale_purchases_total{outcome="shed"} 0`,
		`onsale_purchases_total{outcome="failed"} 0`,
		`onsale_purchases_total{outcome="unknown"} 0`,
		`onsale_sale_duration_seconds_count 0`,
		`onsale_concerts{state="on_sale"} 0`,
		`onsale_concerts{state="sold_out"} 0`,
		`onsale_books_difference_tickets 0`,
		`onsale_batch_size_orders_count 0`,
		`onsale_batch_duration_seconds_count 0`,
		`onsale_batch_reruns_total{reason="conflict"} 0`,
		`onsale_batch_reruns_total{reason="unavailable"} 0`,
		`onsale_batch_reruns_total{reason="unknown"} 0`,
		`onsale_queue_depth_orders 0`,
		`onsale_queue_limit_orders 8192`,
		`onsale_database_up 1`,
		`onsale_database_errors_total{kind="unavailable"} 0`,
		`onsale_database_duration_seconds_count{operation="sell"} 0`,
		`onsale_database_connections{state="in_use"} `,
		`onsale_database_connections{state="max"} `,
		`onsale_database_duration_seconds_count{operation="create_item"} 0`,
		`total_requests_total 0`,
		`processing_time_count 0`,
		`request_latency_count 0`,
		`average_request_size 0`,
		`active_users 0`,
		`error_rate_total 0`,
		`total_items_created_total 0`,
		`user_activity_total{user_id="other"} 0`,
		`onsale_fault_active{fault="delay"} 0`,
		`onsale_faults_injected_total{fault="deny"} 0`,
		`onsale_faults_injected_total{fault="scrape_outage"} 0`,
		`onsale_build_info{`,
		`process_cpu_seconds_total `,
		`go_goroutines `,
	} {
		if !strings.Contains(text, "\n"+series) {
			t.Errorf("no series %s", series)
		}
	}
}

// TestExemplars sends a call that is part of a trace, and finds the trace with the query of
// Grafana.
func TestExemplars(t *testing.T) {
	t.Parallel()
	up := launch(t, nil, "up", "--listen", "127.0.0.1:0", "--crowd", "0", dataDir(t))
	base := up.waitFor(`ready on (http://\S+)`)
	c := newClient()
	defer c.CloseIdleConnections()
	const trace = "0af7651916cd43dd8448eb211c80319c"
	query := fmt.Sprintf("%s/api/v1/query_exemplars?query=request_duration_seconds_bucket&start=%d&end=%d",
		base, time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix())
	until(t, startLimit, "exemplar", func() string {
		call(t.Context(), c, http.MethodGet, base+"/concerts", "", "traceparent", "00-"+trace+"-b7ad6b7169203331-01")
		status, body := call(t.Context(), c, http.MethodGet, query, "")
		if status == http.StatusOK && strings.Contains(string(body), `"trace_id":"`+trace+`"`) {
			return ""
		}
		return fmt.Sprintf("%d %s", status, body)
	})
}
