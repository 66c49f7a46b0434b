#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A server in the shape of vLLM's, without a model: POST /v1/completions takes a while and is queued when many come,
GET /health says whether a load balancer may send more, GET /metrics has vLLM's own names.

What makes it fit to be lent a node: on SIGUSR1 (--weir-notice) it says at /health that it goes, answers all that it has
taken, and has Slurm requeue it. On SIGTERM (scancel) it does the same and ends.
"""

import argparse
import bisect
import collections
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FIRST_TOKEN = 0.1  # of the time that an answer takes
LINGER = 0.2       # seconds in which a request that is on its way still gets its refusal
BUCKETS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
           160.0, 640.0, 2560.0)  # vLLM's, seconds
MODEL = 'model_name="example"'


class Requests:
    """At most `room` are answered at a time, the others wait in the order in which they came."""

    def __init__(self, room):
        self.changed = threading.Condition()
        self.room, self.running, self.waiting = room, 0, collections.deque()
        self.open = False

    def admit(self):
        """Takes a request and returns once it is its turn; False, at once, when no more are taken."""
        turn = threading.Event()
        with self.changed:
            if not self.open:
                return False
            if self.running < self.room:
                self.running += 1
                return True
            self.waiting.append(turn)
        turn.wait()
        return True

    def end(self):
        """Passes the turn on to the one that waited longest."""
        with self.changed:
            if self.waiting:
                return self.waiting.popleft().set()
            self.running -= 1
            self.changed.notify_all()

    def drain(self):
        """Takes no more; returns once all that were taken are answered."""
        with self.changed:
            self.open = False
            self.changed.wait_for(lambda: self.running == 0)


class Metrics:
    """What /metrics counts, in Prometheus' text format."""

    def __init__(self):
        self.lock = threading.Lock()
        self.answered, self.first_tokens, self.seconds = 0, [0] * (len(BUCKETS) + 1), 0.0

    def first_token(self, seconds):
        with self.lock:
            self.first_tokens[bisect.bisect_left(BUCKETS, seconds)] += 1
            self.seconds += seconds

    def answer(self):
        with self.lock:
            self.answered += 1

    def text(self, requests):
        lines = []

        def series(name, kind, *values):
            lines.append(f"# TYPE vllm:{name} {kind}")
            lines.extend(f"vllm:{name}{suffix}{{{MODEL}{labels}}} {value}" for suffix, labels, value in values)

        with self.lock, requests.changed:
            below, buckets = 0, []
            for bound, count in zip((*BUCKETS, "+Inf"), self.first_tokens):
                below += count
                buckets.append(("_bucket", f',le="{bound}"', below))
            series("num_requests_running", "gauge", ("", "", requests.running))
            series("num_requests_waiting", "gauge", ("", "", len(requests.waiting)))
            series("kv_cache_usage_perc", "gauge", ("", "", requests.running / requests.room))
            series("time_to_first_token_seconds", "histogram", *buckets,
                   ("_sum", "", round(self.seconds, 6)), ("_count", "", below))
            series("request_success_total", "counter", ("", ',finished_reason="stop"', self.answered))
        return "\n".join(lines) + "\n"


class Server(ThreadingHTTPServer):
    request_queue_size = 1024  # a burst waits, it is not refused
    daemon_threads = False     # server_close waits for the last answers to be written

    def __init__(self, address, room, seconds):
        self.requests, self.metrics, self.seconds = Requests(room), Metrics(), seconds
        self.connections = set()
        super().__init__(address, Handler)

    def process_request(self, request, client_address):
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.connections.discard(request)
        super().shutdown_request(request)

    def leave(self):
        """Answers all that has been taken and refuses, with an answer, what still comes; then closes."""
        self.requests.drain()
        self.shutdown()
        until = time.monotonic() + LINGER
        while (left := until - time.monotonic()) > 0:
            if select.select([self], [], [], left)[0]:
                self.handle_request()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):  # what has arrived is still read; one that is idle ends
                connection.shutdown(socket.SHUT_RD)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 5  # for a connection without a request, as vLLM's

    def do_GET(self):
        requests = self.server.requests
        if self.path == "/health":
            self.answer(200 if requests.open else 503, {"running": requests.running, "waiting": len(requests.waiting)})
        elif self.path == "/metrics":
            self.answer(200, self.server.metrics.text(requests), "text/plain; version=0.0.4; charset=utf-8")
        else:
            self.answer(404, {"error": "not found"})

    def do_POST(self):
        requests, metrics, began = self.server.requests, self.server.metrics, time.monotonic()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not requests.admit():
            return self.answer(503, {"error": "this server loads its model, or is about to leave"})
        try:
            time.sleep(self.server.seconds * FIRST_TOKEN)
            metrics.first_token(time.monotonic() - began)
            time.sleep(self.server.seconds * (1 - FIRST_TOKEN))
            metrics.answer()
            self.answer(200, {"object": "text_completion", "choices": [{"text": "…", "index": 0}]})
        finally:
            requests.end()

    def answer(self, status, body, kind="application/json"):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if not self.server.requests.open:
            self.send_header("Connection", "close")
        try:
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # whoever asked has gone
            self.close_connection = True

    def log_message(self, format, *args):
        pass


def arguments():
    def default(value, *names):
        return next((os.environ[name] for name in names if os.environ.get(name)), value)

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=default("8000", "WEIR_PORT", "SERVE_PORT"))
    parser.add_argument("--seconds", type=float, default=default("2", "SERVE_SECONDS"), help="that an answer takes")
    parser.add_argument("--concurrency", type=int, default=default("8", "SERVE_CONCURRENCY"),
                        help="answers at a time; further requests wait")
    parser.add_argument("--load", type=float, default=default("0", "SERVE_LOAD"),
                        help="seconds until the model is loaded")
    return parser.parse_args()


def main():
    options = arguments()
    # Before any thread: all inherit the mask, and sigtimedwait below takes them.
    signals = {signal.SIGUSR1, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)  # an ignored signal would not be kept for sigtimedwait
    server = Server((options.host, options.port), options.concurrency, options.seconds)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    told = signal.sigtimedwait(signals, options.load) if options.load else None
    if not told:
        server.requests.open = True
        print("serving", flush=True)
        told = signal.sigwaitinfo(signals)
    print(f"told to leave by {signal.Signals(told.si_signo).name}", flush=True)
    server.leave()
    print("drained", flush=True)
    if told.si_signo == signal.SIGUSR1:
        subprocess.run(["scontrol", "requeue", os.environ["SLURM_JOB_ID"]], check=True)


if __name__ == "__main__":
    main()
