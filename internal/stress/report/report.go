// Package report shows the result of a load test: live on a terminal, and at its end as
// text, as CSV with Locust's columns, as JSON, and as a self-contained HTML page. It
// draws a [onsale/internal/stress/result.Run].
package report
