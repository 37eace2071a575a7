"""A small service that is not Onsale: it sells books, and has a metrics page. It needs Python 3.8 alone.

    python3 bookshop.py [PORT [nodelay]]

GET /books lists, POST /order sells one, GET /metrics is for Prometheus. POST /break?share=0.5 makes half of
the orders fail, and POST /break?share=0 none. With nodelay, each part of an answer is sent at once.
"""
import json
import random
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

lock = threading.Lock()  # guards what follows
stock = 1_000_000
broken = 0.0  # the share of orders that fail
requests = {}  # (method, endpoint, status): how many
durations = [0] * len(BUCKETS)
seconds = 0.0


def metrics():
    """The page that Prometheus reads, in its text format."""
    with lock:
        lines = ["# HELP http_requests_total Requests, by method, endpoint and status.",
                 "# TYPE http_requests_total counter"]
        for (method, endpoint, status), count in sorted(requests.items()):
            lines.append(f'http_requests_total{{method="{method}",endpoint="{endpoint}",status="{status}"}} {count}')
        total = sum(requests.values())
        lines += ["# HELP request_duration_seconds How long requests took.", "# TYPE request_duration_seconds histogram"]
        lines += [f'request_duration_seconds_bucket{{le="{le}"}} {n}' for le, n in zip(BUCKETS, durations)]
        lines += [f'request_duration_seconds_bucket{{le="+Inf"}} {total}',
                  f"request_duration_seconds_sum {seconds}", f"request_duration_seconds_count {total}",
                  "# HELP bookshop_stock_books Books that are left.", "# TYPE bookshop_stock_books gauge",
                  f"bookshop_stock_books {stock}"]
    return "\n".join(lines) + "\n"


class Bookshop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        began = time.perf_counter()
        path = urlsplit(self.path).path
        if path == "/metrics":
            self.answer(200, metrics(), "text/plain; version=0.0.4")
        elif path == "/books":
            self.answer(200, json.dumps({"title": "Monitoring for Beginners", "stock": stock}))
            self.count("/books", 200, began)
        else:
            self.answer(404, "{}")
            self.count("other", 404, began)

    def do_POST(self):
        global stock, broken
        began = time.perf_counter()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        if url.path == "/break":
            broken = float(parse_qs(url.query)["share"][0])
            self.answer(200, json.dumps({"broken": broken}))
        elif url.path != "/order":
            self.answer(404, "{}")
            self.count("other", 404, began)
        elif random.random() < broken:
            self.answer(500, '{"error": "the till is stuck"}')
            self.count("/order", 500, began)
        else:
            time.sleep(0.02)  # the till
            with lock:
                sold = stock > 0
                stock -= sold
            status = 200 if sold else 409
            self.answer(status, json.dumps({"sold": sold}))
            self.count("/order", status, began)

    def answer(self, status, body, kind="application/json"):
        body = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def count(self, endpoint, status, began):
        global seconds
        took = time.perf_counter() - began
        with lock:
            key = (self.command, endpoint, status)
            requests[key] = requests.get(key, 0) + 1
            seconds += took
            for i, le in enumerate(BUCKETS):
                durations[i] += took <= le

    def log_message(self, *_):
        """Nothing: a line for each request would be the slowest part of the shop."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    Bookshop.disable_nagle_algorithm = "nodelay" in sys.argv
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9999
    print(f"bookshop: listening on http://127.0.0.1:{port}", flush=True)
    try:
        Server(("127.0.0.1", port), Bookshop).serve_forever()
    except KeyboardInterrupt:
        pass
