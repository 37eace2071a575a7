// Package report shows what came of a load test: on a terminal while it runs and
// at its end, as CSV in Locust's columns, as JSON, and as one HTML page that
// needs nothing else. It draws a [onsale/internal/stress/result.Run].
package report
