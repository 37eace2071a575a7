#!/usr/bin/env python3
"""Creates and deletes items, and retries failed calls.

    python3 docs/examples/items.py --host http://127.0.0.1:5000 --count 20 --log calls.jsonl
"""
import argparse, collections, http.client, itertools, json, random, signal, sys, time, urllib.parse

TIMEOUT = 10  # seconds to wait for an answer
RETRIES = 5  # retries of a call that can succeed later: 403, 429, 5xx, or no answer

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--host", type=urllib.parse.urlsplit, default="http://127.0.0.1:8000", help="URL of the server")
parser.add_argument("--user", default="student", help="the User-ID")
parser.add_argument("--count", type=int, default=10, help="number of items to create")
parser.add_argument("--rate", type=float, default=2, help="maximum calls per second, up to 50")
parser.add_argument("--log", default="calls.jsonl", help="file to which a line of JSON is appended for each call")
options = parser.parse_args()
connect = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}.get(options.host.scheme)
if not connect or options.count < 1 or not 0 < options.rate <= 50:
    parser.error("--host must be like http://127.0.0.1:8000, --count 1 or more, --rate above 0 and at most 50")
try:
    connection = connect(options.host.netloc, timeout=TIMEOUT)
    log = open(options.log, "a", buffering=1, encoding="utf-8")
except (OSError, http.client.InvalidURL) as error:
    parser.error(str(error))
headers, statuses = {"User-ID": options.user.encode(), "Token": ""}, collections.Counter()


def call(method, path):
    """Makes one call. Returns its status (0 without an answer), its JSON, and its Retry-After in seconds."""
    time.sleep(1 / options.rate)
    began, status, data, wait = time.time(), 0, {}, ""
    try:
        connection.request(method, path, b"anything" if method == "POST" else None, headers)
        answer = connection.getresponse()
        text, status, wait = answer.read(), answer.status, answer.getheader("Retry-After", "")
        data = dict(json.loads(text))
    except (OSError, http.client.HTTPException, TypeError, ValueError) as error:
        data = {"error": str(error)}
    connection.close()
    statuses[status] += 1
    start, took = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)), round(1000 * (time.time() - began), 3)
    log.write(json.dumps(dict(time=start, user=options.user, method=method, path=path, status=status, duration_ms=took)) + "\n")
    return status, data, min(int(wait), 30) if wait.isdecimal() else 0


def operate(method, path, field):
    """Retries a call until it succeeds, and returns a field of the answer."""
    for attempt in range(RETRIES + 1):
        if path != "/api/token" and not headers["Token"]:
            headers["Token"] = operate("POST", "/api/token", "token")
        status, data, wait = call(method, path)
        if status in (200, 201) and field in data:
            return data[field]
        if method == "DELETE" and status == 404 and attempt > 0:
            return "deleted by an earlier try"
        problem = f"{method} {path}: {status or 'no answer'}: {data.get('error', f'no {field} in the answer')}"
        if status == 403:
            headers["Token"] = ""  # it has expired: the next attempt gets a new one
        if attempt == RETRIES or 0 < status < 500 and status not in (403, 429):
            raise RuntimeError(problem)
        pause = wait + random.uniform(0, min(10, 0.2 * 2**attempt))
        print(f"{problem}: trying again in {pause:.1f} s", file=sys.stderr)
        time.sleep(pause)


# Ctrl-C ends the run once the item at hand is deleted, and a second one ends it at once.
stop, deleted, failed, began = [], 0, 0, time.monotonic()
signal.signal(signal.SIGINT, lambda *_: stop.append(signal.signal(signal.SIGINT, signal.SIG_DFL)))
for _ in itertools.takewhile(lambda _: not stop, range(options.count)):
    try:
        operate("DELETE", "/api/items/" + operate("POST", "/api/items", "item_id"), "status")
        deleted += 1
    except (RuntimeError, OSError) as problem:
        failed += 1
        print(f"{problem}: gave up", file=sys.stderr)
took, calls = time.monotonic() - began, sum(statuses.values())
print(f"{'interrupted' if stop else 'finished'} after {took:.1f}s: {calls} calls, {calls / took:.1f} a second")
print("answers  ", ", ".join(f"{status or 'none'}: {count}" for status, count in sorted(statuses.items())))
print(f"failed    {failed} operations\nitems     {statuses[201]} created, {deleted} deleted, {statuses[201] - deleted} left behind")
sys.exit(1 if failed else 0)
